"""Looking for a folder of images on the server."""

import time
from pathlib import Path

import pytest

from fewshot_lab.ui.folders import breadcrumb, count_pictures, entries, starting_folders


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("shared/b/1.png", "shared/b/deep/2.dcm", "shared/a/x.txt", "shared/.hidden/3.png"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "shared" / "scans.zip").touch()
    (tmp_path / "private").mkdir()
    (tmp_path / "shared" / "out").symlink_to(tmp_path / "private")
    monkeypatch.setenv("FEWSHOT_LAB_IMPORT_ROOTS", str(tmp_path / "shared"))
    return tmp_path / "shared"


def test_folders_come_with_their_images_and_nothing_outside_is_offered(disk: Path) -> None:
    listed, more = entries(disk)
    assert [entry.label for entry in listed] == ["a · 0 images", "b · 2 images", "scans.zip"]
    assert not more


def test_one_begins_in_the_roots_and_the_way_back_ends_there(disk: Path) -> None:
    assert starting_folders() == [disk]
    assert breadcrumb(disk / "b" / "deep") == [disk, disk / "b", disk / "b" / "deep"]


def test_without_roots_one_begins_at_home(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_IMPORT_ROOTS", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert starting_folders()[0] == tmp_path


def test_counting_ends_in_time_and_says_so(disk: Path) -> None:
    assert count_pictures(disk / "b", until=time.monotonic() - 1) == (1, True)
