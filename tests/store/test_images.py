"""Pictures and their files: what is there stays as it is, what is new is added."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import Store
from fewshot_lab.store.known_files import KnownFiles

from .annotators import Annotator, image, picture


def test_importing_again_changes_nothing(store: Store) -> None:
    before = store.images(), store.files(), store.ids()
    report = store.add_images([picture(n) for n in range(20)])
    assert (report.added, report.duplicates, report.unchanged) == ([], [], 20)
    assert (store.images(), store.files(), store.ids()) == before


def test_new_ones_come_at_the_end(store: Store) -> None:
    before = store.ids()
    report = store.add_images([picture(30), picture(3), picture(25)])
    assert report.added == [image(30), image(25)] and report.unchanged == 1
    assert store.ids() == [*before, image(30), image(25)]
    assert [row.ordinal for row in store.images()] == sorted(row.ordinal for row in store.images())


def test_a_duplicate_is_a_further_file_of_the_first(store: Store) -> None:
    twin = {"path": "b/twin.png", "file": "/data/b/twin.png"}
    report = store.add_images(
        [picture(0, **twin), picture(50), picture(50, **{**twin, "frame": 1})]
    )
    assert report.added == [image(50)]
    assert report.duplicates == [("b/twin.png", image(0)), ("b/twin.png", image(50))]
    assert len(store.ids()) == 21
    own = [file.path for file in store.files() if file.image_id == image(0)]
    assert own == ["cells/0000.png", "b/twin.png"]
    assert store.image(image(0)).path == "cells/0000.png"


def test_rows_keep_what_was_given(store: Store) -> None:
    store.add_images(
        [
            picture(
                60,
                reference="band",
                group="patient 7",
                meta={"stain": "MGG", "age": 61.5, "Größe": "µ"},
                file="images/copies/60.png",
                source="/mnt/scan.dcm",
                source_frame=4,
                mtime_ns=1_763_000_000_123_456_789,
            )
        ]
    )
    row = store.image(image(60))
    assert (row.width, row.height, row.bytes, row.frame) == (8, 6, 100, 0)
    assert (row.reference, row.group, row.file) == ("band", "patient 7", "images/copies/60.png")
    assert row.meta == {"stain": "MGG", "age": 61.5, "Größe": "µ"}
    assert store.known_sources()["/mnt/scan.dcm", 4] == (100, 1_763_000_000_123_456_789)
    assert store.columns() == ["stain", "age", "Größe"]
    assert store.column("age") == {image(60): 61.5}
    assert store.column("reference") == {image(60): "band"}
    assert store.has_groups()
    store.add_images([picture(n, reference="abz"[n % 3]) for n in range(5)])
    assert store.reference_names(9) == ["a", "b", "band", "z"]
    assert store.reference_names(2) == ["a", "b"]
    assert store.column("nothing") == {}


def test_what_a_picture_lacks_is_filled_in_and_what_it_has_stays(store: Store) -> None:
    store.add_images([picture(0, reference="mono", meta={"a": 1})])
    report = store.add_images(
        [picture(0, reference="lymph", group="p1", meta={"a": 2, "b": 3}, path="x", file="/x")]
    )
    row = store.image(image(0))
    assert (row.reference, row.group, row.meta) == ("mono", "p1", {"b": 3, "a": 1})
    assert report.conflicts == [("x", image(0))]


def test_a_source_that_holds_another_picture_now(store: Store) -> None:
    kim = Annotator(store, "kim")
    kim.label(0, kim.add("a"))
    changed = picture(70, path="cells/0000.png", file="/data/cells/0000.png", mtime_ns=2)
    assert store.add_images([changed]).added == [image(70)]
    assert store.find("cells/0000.png") == image(70)
    assert store.known_sources()["/data/cells/0000.png", 0] == (100, 2)
    assert store.ids()[0] == image(0) and image(0) in store.labels()
    # The old picture must never be shown or embedded with the pixels of the new one.
    assert store.image(image(0)).file == f"replaced/{image(0)}"
    assert store.image(image(70)).file == "/data/cells/0000.png"
    back = picture(0, mtime_ns=3)
    store.add_images([back])
    assert store.find("cells/0000.png") == image(0)
    assert store.image(image(0)).file == "/data/cells/0000.png"


def test_find_by_id_path_or_file(store: Store) -> None:
    assert store.find("cells/0003.png") == image(3)
    assert store.find("/data/cells/0003.png") == image(3)
    assert store.find(image(3)) == image(3)
    assert store.find("0003.png") == image(3)  # of one image alone
    assert store.find("0999.png") is None and store.find("") is None
    names = ["cells/0001.png", image(2), "nowhere"]
    assert store.find_many(names) == {"cells/0001.png": image(1), image(2): image(2)}


def test_a_path_of_two_imports_asks_which(store: Store) -> None:
    store.add_images([picture(80, path="cells/0003.png", file="/other/cells/0003.png")])
    with pytest.raises(FewshotLabError, match=r"cells/0003\.png leads to several images"):
        store.find("cells/0003.png")
    assert store.find("/other/cells/0003.png") == image(80)


def test_search_takes_the_text_as_it_is(store: Store) -> None:
    odd = [
        picture(90 + n, path=path, file=f"/d/{path}")
        for n, path in enumerate(["50%_a.png", "50xxa.png", "Zelle Ä.png", "o'neil.png"])
    ]
    store.add_images(odd)
    assert store.search("50%_") == [image(90)]
    assert store.search("ZELLE") == [image(92)]
    assert store.search("o'n") == [image(93)]
    assert store.search("cells/") == [image(n) for n in range(20)]
    assert store.search("cells/", limit=3) == [image(n) for n in range(3)]
    assert store.search(image(7)) == [image(7)] and store.search("  ") == []


def test_refused_files_are_listed_until_they_can_be_read(store: Store) -> None:
    store.add_refused([("b.png", "is empty"), ("a.png", "is a text file")])
    store.add_refused([("b.png", "is truncated")])
    assert store.refused() == [("a.png", "is a text file"), ("b.png", "is truncated")]
    store.add_images([picture(99, path="b.png", file="/data/b.png")])
    assert store.refused() == [("a.png", "is a text file")]


def test_images_come_in_the_order_asked(store: Store) -> None:
    assert [row.id for row in store.images([image(3), "nowhere", image(1)])] == [image(3), image(1)]
    with pytest.raises(FewshotLabError, match="no image with the id"):
        store.image("nowhere")


def test_the_audit_set_only_grows(store: Store) -> None:
    store.draw_audit([image(1), image(2)], pool_size=20)
    store.draw_audit([image(2), image(3)], pool_size=18, strategy="uniform")
    store.draw_audit([image(3)], pool_size=18)
    assert store.audit_ids() == {image(1), image(2), image(3)}
    draws = store.audit_draws()
    assert [draw.image_ids for draw in draws] == [(image(1), image(2)), (image(3),)]
    assert [draw.pool_size for draw in draws] == [20, 18]
    with pytest.raises(FewshotLabError, match="no image with the id"):
        store.draw_audit([image(4), "nowhere"], pool_size=5)
    assert image(4) not in store.audit_ids()


def test_settings_hold_what_json_holds(store: Store, address: tuple[str, str | None]) -> None:
    assert store.get("target", 100) == 100
    store.set("target", 40)
    store.set("map", {"neighbours": 15, "title": "Zellen – ü"})
    store.set("nothing", None)
    other = Store.open(*address)
    assert other.get("target", 100) == 40
    assert other.get("map") == {"neighbours": 15, "title": "Zellen – ü"}
    assert other.get("nothing", "default") is None
    other.close()
    with pytest.raises(FewshotLabError, match="cannot be kept"):
        store.set("bad", object())
    assert store.get("bad") is None


@settings(deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 9)),
                       st.tuples(st.integers(0, 2**62), st.integers(0, 2**62))))  # fmt: skip
def test_known_files_are_a_mapping(known: dict[tuple[str, int], tuple[int, int]]) -> None:
    files = KnownFiles((*key, *value) for key, value in sorted(known.items()))
    assert dict(files) == known and len(files) == len(known)
    for key in product("abcd", range(-1, 11)):
        assert files.get(key) == known.get(key)
