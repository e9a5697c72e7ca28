"""What the import page says of a path, and where it keeps what was dropped."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import ManifestColumns, SliceStep
from fewshot_lab.ui.sources import import_arguments, keep_drop, look, safe_path


class Drop(BytesIO):
    """A file as the browser hands it over."""

    def __init__(self, name: str, data: bytes = b"x"):
        super().__init__(data)
        self.name = name


def test_a_folder_is_described_with_its_folders(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "one.png").touch()
    found = look(f" '{tmp_path}' ")
    assert found.kind == "folder"
    assert found.folders == ["a", "b"]
    assert found.sentence == "A folder with 2 folders and 1 file, 1 image in all."


@pytest.mark.parametrize(
    ("name", "kind"), [("a.zip", "zip"), ("a.NPZ", "npz"), ("a.csv", "csv"), ("a.png", "file")]
)
def test_files_are_told_apart_by_their_ending(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"1234")
    assert look(str(tmp_path / name)).kind == kind


def test_a_path_that_does_not_exist_names_what_does(tmp_path: Path) -> None:
    with pytest.raises(FewshotLabError, match="nothing at") as told:
        look(str(tmp_path / "no" / "where"))
    assert str(tmp_path) in str(told.value)


def test_a_relative_path_is_refused() -> None:
    for typed in ("cells", "~nobody-of-this-name/cells"):
        with pytest.raises(FewshotLabError, match="full path"):
            look(typed)


def test_a_path_outside_the_roots_is_refused_before_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("FEWSHOT_LAB_IMPORT_ROOTS", str(tmp_path / "shared"))
    assert look(str(tmp_path / "shared")).kind == "folder"
    with pytest.raises(FewshotLabError, match="cannot be used here"):
        look(str(tmp_path / "no" / "where"))


def test_a_dropped_folder_keeps_its_folders(tmp_path: Path) -> None:
    kept = keep_drop([Drop("cells/a/1.png"), Drop("cells/b/1.png")], tmp_path)
    assert len(kept) == 1
    assert sorted(str(p.relative_to(kept[0])) for p in kept[0].rglob("*.png")) == [
        "cells/a/1.png",
        "cells/b/1.png",
    ]


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    (folder,) = keep_drop([Drop("1.png", b"one"), Drop("1.png", b"two")], tmp_path)
    assert {p.read_bytes() for p in folder.iterdir()} == {b"one", b"two"}


def test_a_second_drop_in_the_same_second_gets_its_own_folder(tmp_path: Path) -> None:
    assert keep_drop([Drop("1.png")], tmp_path) != keep_drop([Drop("1.png")], tmp_path)


def test_a_dropped_zip_is_imported_itself(tmp_path: Path) -> None:
    (kept,) = keep_drop([Drop("cells.zip")], tmp_path)
    assert kept.name == "cells.zip"


def test_a_dropped_manifest_leads_to_the_images_beside_it(tmp_path: Path) -> None:
    (kept,) = keep_drop([Drop("list.csv"), Drop("1.png")], tmp_path)
    assert kept.name == "list.csv"
    assert (kept.parent / "1.png").exists()


def test_where_images_are_predicted_a_table_beside_them_is_no_manifest(tmp_path: Path) -> None:
    (kept,) = keep_drop([Drop("list.csv"), Drop("1.png")], tmp_path, by_table=False)
    assert kept.is_dir()


def test_a_table_in_a_dropped_folder_is_not_taken_for_a_manifest(tmp_path: Path) -> None:
    (kept,) = keep_drop([Drop("cells/notes.csv"), Drop("cells/1.png")], tmp_path)
    assert kept.is_dir()


def test_images_and_a_zip_dropped_together_are_both_imported(tmp_path: Path) -> None:
    kept = keep_drop([Drop("1.png"), Drop("cells.zip")], tmp_path)
    assert [path.name for path in kept][1:] == ["cells.zip"]


def test_nothing_dropped_is_said(tmp_path: Path) -> None:
    with pytest.raises(FewshotLabError, match="Drop some files"):
        keep_drop([], tmp_path)


def test_a_long_name_is_kept_with_its_extension_however_many_bytes_its_letters_take(
    tmp_path: Path,
) -> None:
    (kept,) = keep_drop([Drop("細" * 250 + ".png"), Drop("n" * 250 + ".png")], tmp_path)
    names = sorted(path.name for path in kept.iterdir())
    assert [name[0] + name[-4:] for name in names] == ["n.png", "細.png"]


@given(st.text(max_size=60))
def test_no_name_escapes_its_folder(name: str) -> None:
    path = safe_path(name)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.parts


def test_the_job_is_told_all_that_was_chosen() -> None:
    arguments = import_arguments(
        [Path("/a/list.csv")],
        copy=True,
        group_field="PatientID",
        columns=ManifestColumns("file", "dx", None, ("age", "sex")),
        slices=SliceStep(mm=5),
    )
    assert arguments == [
        "/a/list.csv",
        "--copy",
        "--group-field",
        "PatientID",
        "--path-column",
        "file",
        "--label-column",
        "dx",
        "--metadata-column",
        "age",
        "--metadata-column",
        "sex",
        "--slices",
        "5mm",
        "--prepare",
    ]
