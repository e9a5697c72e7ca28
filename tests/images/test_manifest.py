"""CSV manifests as people have them."""

from pathlib import Path

import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, ManifestColumns, Refused, guess_columns, read_header, scan


def draw(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(file)
    return file


@pytest.fixture
def folder(tmp_path):
    for name in ("img/a.png", "img/b.png", "img/größe.png"):
        draw(tmp_path / name)
    return tmp_path


def test_a_row_without_a_file_is_named_by_its_number(folder):
    (folder / "rows.csv").write_text("file,age\nimg/a.png,1\n,2\nimg/b.png,3\n,4\n")
    refused = [r for r in scan(folder / "rows.csv") if isinstance(r, Refused)]
    assert [r.path for r in refused] == ["rows.csv, row 3", "rows.csv, row 5"]


HEADER = ("file", "diagnosis", "patient_id", "age", "site")
ROWS = [
    ("img/a.png", "naevus", "007", "41", "arm"),
    ("img/b.png", "melanoma", "008", "63.5", ""),
    ("img/größe.png", "", "", "", "leg,\vleft"),  # what a database writes for a new line
]


def write(folder: Path, delimiter: str, encoding: str) -> Path:
    import csv

    file = folder / "manifest.csv"
    with file.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([HEADER, *ROWS])
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_delimiters_and_encodings_are_recognised(folder, delimiter, encoding):
    file = write(folder, delimiter, encoding)
    assert read_header(file) == list(HEADER)
    columns = guess_columns(file)
    assert columns == ManifestColumns("file", "diagnosis", "patient_id", ("age", "site"))
    found = list(scan(file, columns=columns))
    assert [(c.path, c.reference, c.group, c.meta) for c in found] == [
        ("img/a.png", "naevus", "007", {"age": 41.0, "site": "arm"}),
        ("img/b.png", "melanoma", "008", {"age": 63.5}),
        ("img/größe.png", None, None, {"site": "leg,\vleft"}),
    ]
    assert found[0].file == folder / "img/a.png"


def test_only_the_chosen_columns_are_kept(folder):
    file = write(folder, ",", "utf-8")
    found = list(scan(file, columns=ManifestColumns("file", label="site")))
    assert [(c.reference, c.group, c.meta) for c in found][:2] == [
        ("arm", None, {}),
        (None, None, {}),
    ]


def test_missing_files_and_rows_given_twice_are_listed(folder):
    file = folder / "m.csv"
    file.write_text("path\nimg/a.png\nimg/gone.png\nimg/a.png\nimg/../img/a.png\n\nimg/b.png\n")
    found = list(scan(file))
    assert [c.path for c in found if isinstance(c, Candidate)] == ["img/a.png", "img/b.png"]
    assert [(r.path, r.reason) for r in found if isinstance(r, Refused)] == [
        ("img/gone.png", "The file is not there: paths count from the manifest's folder."),
        ("img/a.png", "The manifest names this file twice; the first row counts."),
        ("img/../img/a.png", "The manifest names this file twice; the first row counts."),
    ]


def test_absolute_paths_windows_paths_ids_and_frames(folder):
    import numpy as np
    import tifffile

    with tifffile.TiffWriter(folder / "stack.tif") as tiff:
        for k in range(3):
            tiff.write(np.full((8, 8), k, np.uint8), photometric="minisblack")
    file = folder / "m.csv"
    lines = ["image", str(folder / "img/a.png"), "img\\b.png", "img/größe", "stack.tif#1"]
    file.write_text("\n".join(lines))
    found = list(scan(file))
    assert [c.path for c in found] == ["img/a.png", "img/b.png", "img/größe", "stack.tif#1"]
    assert found[3].frame == 1
    assert found[2].file == folder / "img/größe.png"


def test_paths_count_from_the_csv_not_from_the_working_folder(
    folder, monkeypatch, tmp_path_factory
):
    file = write(folder, ",", "utf-8")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert len([c for c in scan(file) if isinstance(c, Candidate)]) == 3
    monkeypatch.chdir(folder)
    assert all(c.file.is_absolute() for c in scan(Path("manifest.csv")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "id,image_path,label\n1,img/a.png,x\n",
            ManifestColumns("image_path", "label", None, ("id",)),
        ),
        (
            "dx,image_id,lesion_id\nmel,img/a,HAM_1\n",
            ManifestColumns("image_id", "dx", "lesion_id"),
        ),
        ("Filename;Class\nimg/a.png;x\n", ManifestColumns("Filename", "Class")),
        ("a\nimg/a.png\n", ManifestColumns("a")),
        ("mask,image\nmissing.png,img/a.png\n", ManifestColumns("image", None, None, ("mask",))),
    ],
)
def test_columns_are_guessed_by_what_they_hold_then_by_name(folder, text, expected):
    file = folder / "m.csv"
    file.write_text(text)
    assert guess_columns(file) == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a CSV"),
        (b"name,age\nx,3\n", "No column"),
        (b"img/a.png,ok\nimg/b.png,ok\n", "no header, its first line names the image img/a.png"),
        (b'file,label\na.png,ok\nb.png,"open\nc.png,ok\n', "begins in line 3. Close it"),
        (b'file,label\na.png,"5"\nb.png,"' + b"x\n" * 70_000, "begins in line 3. Close it"),
    ],
)
def test_what_is_no_manifest_is_one_clear_sentence(folder, content, reason):
    file = folder / "m.csv"
    file.write_bytes(content)
    with pytest.raises(FewshotLabError, match=reason):
        scan(file)


def test_a_column_that_does_not_exist_names_those_that_do(folder):
    file = write(folder, ",", "utf-8")
    with pytest.raises(FewshotLabError, match="no column 'nothing'; it has 'file'"):
        scan(file, columns=ManifestColumns("nothing"))
