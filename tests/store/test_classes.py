"""Classes: named once, never mixed up."""

import numpy as np
import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import MAX_CLASSES, Store
from fewshot_lab.store.colours import FIRST_EIGHT, _lab, colour_for

from .annotators import Annotator, now, undoable


def test_ids_are_never_used_again(store: Store, kim: Annotator) -> None:
    a = kim.add("a")
    kim.undo()
    b = kim.add("b")
    assert b > a
    assert [row.id for row in store.classes()] == [b]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "needs a name"),
        (" \t ", "needs a name"),
        ("x" * 61, "at most 60 characters; this one has 61"),
        ("Unsure", "already a label of another kind"),
        ("a\x00b", "not printable"),
        ("MONOCYTE ", "already a class named monocyte"),
    ],
)
def test_bad_names_are_refused(store: Store, kim: Annotator, name: str, said: str) -> None:
    kim.add("monocyte")
    other = kim.add("other")
    with pytest.raises(FewshotLabError, match=said):
        kim.add(name)
    with pytest.raises(FewshotLabError, match=said):
        store.rename_class(other, name, **kim.says())
    assert [row.name for row in store.classes()] == ["monocyte", "other"]


def test_names_are_tidied_and_may_change_their_case(store: Store, kim: Annotator) -> None:
    a = kim.add("  red   cell ")
    store.rename_class(a, "Red Cell", **kim.says())
    assert [row.name for row in store.classes()] == ["Red Cell"]


def test_the_name_of_a_retired_class_is_free_until_it_comes_back(
    store: Store, kim: Annotator
) -> None:
    a = kim.add("a")
    kim.label(0, a)
    store.retire_class(a, **kim.says())
    assert now(store) == {} and store.counts().classes == {}
    again = kim.add("a")
    with pytest.raises(FewshotLabError, match="already a class named a"):
        store.restore_class(a, **kim.says())
    store.rename_class(again, "b", **kim.says())
    store.restore_class(a, **kim.says())
    assert now(store) == {0: a}
    with pytest.raises(FewshotLabError, match="on the list already"):
        store.restore_class(a, **kim.says())


def test_at_most_fifty_live_classes(store: Store, kim: Annotator) -> None:
    ids = [kim.add(f"class {n}") for n in range(MAX_CLASSES)]
    with pytest.raises(FewshotLabError, match="50 classes already"):
        kim.add("one more")
    store.retire_class(ids[3], **kim.says())
    kim.add("one more")
    with pytest.raises(FewshotLabError, match="50 classes already"):
        store.restore_class(ids[3], **kim.says())
    rows = store.classes()
    assert [row.position for row in rows] == list(range(MAX_CLASSES))
    assert len({row.color for row in rows}) == MAX_CLASSES


def test_order_and_places(store: Store, kim: Annotator) -> None:
    a, b, c = (kim.add(name) for name in "abc")
    store.reorder_classes([c, a, b], **kim.says())
    assert [(row.id, row.position) for row in store.classes()] == [(c, 0), (a, 1), (b, 2)]
    for wrong in ([a, b], [a, b, b], [a, b, c, 99]):
        with pytest.raises(FewshotLabError, match="must hold each once"):
            store.reorder_classes(wrong, **kim.says())
    store.retire_class(a, **kim.says())
    store.merge_class(b, c, **kim.says())
    assert [row.id for row in store.classes()] == [c]
    rest = store.classes(include_retired=True)[1:]
    assert [(row.id, row.retired, row.merged_into) for row in rest] == [
        (a, True, None),
        (b, False, c),
    ]


def test_merge_needs_two_live_classes(store: Store, kim: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    with pytest.raises(FewshotLabError, match="into itself"):
        store.merge_class(a, a, **kim.says())
    with pytest.raises(FewshotLabError, match="no class with the id 77"):
        store.merge_class(a, 77, **kim.says())
    store.retire_class(b, **kim.says())
    with pytest.raises(FewshotLabError, match="retired; restore it first"):
        store.merge_class(a, b, **kim.says())
    store.restore_class(b, **kim.says())
    store.merge_class(a, b, **kim.says())
    with pytest.raises(FewshotLabError, match="merged into another"):
        store.retire_class(a, **kim.says())
    store.restore_class(a, **kim.says())
    assert [row.id for row in store.classes()] == [a, b]


def test_a_change_that_changes_nothing_is_not_a_step_to_undo(store: Store, kim: Annotator) -> None:
    a = kim.add("a")
    store.rename_class(a, "a", **kim.says())
    assert undoable(store, "kim") == "new class a"


def test_colours(store: Store, kim: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b", color="#abcdef")
    assert [row.color for row in store.classes()] == [FIRST_EIGHT[0], "#ABCDEF"]
    store.retire_class(a, **kim.says())
    c = kim.add("c")
    assert {row.id: row.color for row in store.classes()} == {b: "#ABCDEF", c: FIRST_EIGHT[0]}
    for wrong in ("red", "#12345", "#12345g"):
        with pytest.raises(FewshotLabError, match="#RRGGBB"):
            store.recolour_class(b, wrong, **kim.says())


@pytest.mark.parametrize(
    ("colour", "lab"),  # as published for sRGB's primaries under D65
    [
        ("#FF0000", (53.24, 80.09, 67.20)),
        ("#00FF00", (87.73, -86.18, 83.18)),
        ("#0000FF", (32.30, 79.19, -107.86)),
        ("#FFFFFF", (100, 0, 0)),
        ("#010101", (0.274, 0, 0)),
    ],
)
def test_colours_are_compared_as_the_eye_sees_them(
    colour: str, lab: tuple[float, float, float]
) -> None:
    assert _lab(colour) == pytest.approx(lab, abs=0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_default_colours_are_all_different_and_seen_on_light_and_dark() -> None:
    colours = [colour_for(n) for n in range(60)]
    assert len(set(colours)) == 60
    lab = np.array([_lab(colour) for colour in colours])
    for n in range(len(FIRST_EIGHT), 60):
        assert np.linalg.norm(lab[:n] - lab[n], axis=1).min() >= 16, colours[n]
    for colour in colours:
        for ground in ("#FFFFFF", "#161C20"):
            light, dark = sorted(map(luminance, (colour, ground)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 2, (colour, ground)
