"""What is found in folders, files and lists, and what is left out."""

import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, Refused, scan
from fewshot_lab.images.folder import folder_labels


def draw(file: Path, value: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (value, 0, 0)).save(file)
    return file


def paths(found: object) -> list[str]:
    return [item.path for item in found if isinstance(item, Candidate)]  # type: ignore[attr-defined]


def test_folders_are_searched_in_depth_and_in_order(tmp_path):
    for name in ("b/2.png", "a/x/1.PNG", "0.jpg", "a/ü ö.bmp"):
        draw(tmp_path / name)
    found = scan(tmp_path)
    assert found.total == 4
    assert paths(found) == ["0.jpg", "a/ü ö.bmp", "a/x/1.PNG", "b/2.png"]


def test_what_is_no_image_by_name_is_counted_not_listed(tmp_path):
    draw(tmp_path / "a.png")
    for name in ("manifest.csv", "DATASET.md", "README", "notes.txt", "1.2.3"):
        (tmp_path / name).write_text("words")
    found = scan(tmp_path)
    assert [type(item) for item in found] == [Candidate]
    assert found.ignored.total() == 5


def test_hidden_files_and_leftovers_of_systems_are_passed_over(tmp_path):
    draw(tmp_path / "a.png")
    for name in (".b.png", "._a.png", ".git/c.png", "__MACOSX/a.png", "@eaDir/a.png"):
        draw(tmp_path / name)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "desktop.ini").write_bytes(b"x")
    found = scan(tmp_path)
    assert paths(found) == ["a.png"]
    assert not found.ignored


def test_files_without_an_ending_are_known_by_their_first_bytes(tmp_path):
    draw(tmp_path / "a.png").rename(tmp_path / "picture")
    draw(tmp_path / "b.jpg").rename(tmp_path / "IMG.0001")
    assert paths(scan(tmp_path)) == ["IMG.0001", "picture"]


def test_links_are_followed_once_and_loops_end(tmp_path):
    draw(tmp_path / "data/a/1.png")
    (tmp_path / "data/a/loop").symlink_to(tmp_path / "data")
    (tmp_path / "data/b").symlink_to(tmp_path / "data/a")
    (tmp_path / "data/lost.png").symlink_to(tmp_path / "nowhere.png")
    found = list(scan(tmp_path / "data"))
    assert paths(found) == ["a/1.png"]
    assert [(r.path, r.reason) for r in found if isinstance(r, Refused)] == [
        ("lost.png", "The link leads nowhere.")
    ]


def test_odd_things_named_like_images_do_not_hang(tmp_path):
    (tmp_path / "folder.png").mkdir()
    draw(tmp_path / "folder.png" / "a.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
    found = list(scan(tmp_path))
    assert paths(found) == ["folder.png/a.png"]
    assert [r.path for r in found if isinstance(r, Refused)] == ["pipe.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes exist on Linux")
def test_names_that_are_no_unicode_are_refused_and_others_normalised(tmp_path):
    draw(tmp_path / unicodedata.normalize("NFD", "größe.png"))
    source = draw(tmp_path / "b.png")
    os.rename(os.fsencode(source), os.fsencode(tmp_path) + b"/caf\xe9.png")  # noqa: PTH104
    found = list(scan(tmp_path))
    assert paths(found) == ["größe.png"]
    refused = [r for r in found if isinstance(r, Refused)]
    assert len(refused) == 1
    assert "rename" in refused[0].reason
    refused[0].path.encode()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_folders_that_cannot_be_opened_are_listed(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "locked").mkdir(mode=0)
    refused = [r for r in scan(tmp_path) if isinstance(r, Refused)]
    assert [r.path for r in refused] == ["locked"]


def test_single_files_and_lists(tmp_path):
    one = draw(tmp_path / "x/a.png")
    two = draw(tmp_path / "x/y/b.png")
    draw(tmp_path / "z/c.png")
    assert paths(scan(one)) == ["a.png"]
    assert paths(scan([one, two])) == ["a.png", "y/b.png"]
    assert sorted(paths(scan([one, tmp_path / "z"]))) == ["a.png", "z/c.png"]
    text = tmp_path / "notes.docx"
    text.write_text("words")
    assert paths(scan(text)) == ["notes.docx"]  # chosen by hand: reading it gives the reason


def test_files_are_absolute_whatever_the_working_folder(tmp_path, monkeypatch):
    draw(tmp_path / "cells/a.png")
    monkeypatch.chdir(tmp_path / "cells")
    for source in (".", "../cells", "a.png"):
        found = list(scan(Path(source)))
        assert [c.file for c in found] == [tmp_path / "cells/a.png"]
        assert paths(found) == ["a.png"]


def test_a_source_that_is_not_there_is_one_clear_sentence(tmp_path):
    with pytest.raises(FewshotLabError, match="There is nothing at"):
        scan(tmp_path / "nowhere")


def test_folder_names_as_reference_labels(tmp_path):
    for name in ("monocyte/1.png", "lymphocyte/a/2.png", "3.png"):
        draw(tmp_path / name)
    found = list(scan(tmp_path, reference_labels="folders"))
    assert {c.path: c.reference for c in found} == {
        "monocyte/1.png": "monocyte",
        "lymphocyte/a/2.png": "lymphocyte",
        "3.png": None,
    }
    assert {c.reference for c in scan(tmp_path)} == {None}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a/1.png", "b/1.png"], ["a", "b"]),
        (["cells/a/1.png", "cells/b/1.png"], ["a", "b"]),  # a folder around everything
        (["train/a/1.png", "test/b/1.png"], ["a", "b"]),
        (["set/train/a/1.png", "set/val/a/1.png"], ["a", "a"]),
        (["a/1.png", "a/2.png"], ["a", "a"]),  # one class only
        (["a/p1/1.png", "b/p1/1.png"], ["a", "b"]),  # patients inside classes
        (["1.png"], [None]),
        ([], []),
    ],
)
def test_the_class_is_the_topmost_folder_that_tells_pictures_apart(given, expected):
    assert list(folder_labels(given).values()) == expected


def test_tiff_pages_become_candidates(tmp_path):
    import tifffile

    with tifffile.TiffWriter(tmp_path / "stack.tif") as tiff:
        for k in range(3):
            tiff.write(np.full((8, 8), k, np.uint8), photometric="minisblack")
    found = scan(tmp_path)
    assert paths(found) == ["stack.tif#0", "stack.tif#1", "stack.tif#2"]
    assert found.total == 3


def test_listing_can_be_stopped(tmp_path):
    from fewshot_lab.errors import Stopped

    draw(tmp_path / "a/1.png")

    def stop(stage, done, total):
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        scan(tmp_path, progress=stop)
