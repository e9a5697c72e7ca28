"""The demo set: drawn, not photographed, and the same every time."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.images.demo import CELL_TYPES, draw_demo


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    draw_demo(folder, n=32, seed=3)
    return folder


def test_a_folder_per_type_and_a_manifest_that_names_every_picture(demo):
    with (demo / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["label"] for row in rows) == dict.fromkeys(CELL_TYPES, 4)
    assert len(CELL_TYPES) == 8
    on_disk = {str(file.relative_to(demo)) for file in demo.glob("*/*.png")}
    assert {row["path"] for row in rows} == on_disk
    for row in rows:
        folder, name = row["path"].split("/")
        assert folder == row["label"]
        assert name.startswith(row["slide"] + "_")


def test_every_picture_is_rgb_of_one_size_and_none_repeats(demo):
    seen = set()
    for file in demo.glob("*/*.png"):
        with Image.open(file) as picture:
            assert picture.mode == "RGB"
            assert picture.size == (144, 144)
            seen.add(picture.tobytes())
    assert len(seen) == 32


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(demo, tmp_path):
    draw_demo(tmp_path / "again", n=32, seed=3)
    assert digest(tmp_path / "again") == digest(demo)
    draw_demo(tmp_path / "other", n=32, seed=4)
    assert not set(digest(tmp_path / "other").values()) & set(digest(demo).values())


def test_a_stopped_drawing_goes_on_where_it_was(demo, tmp_path):
    def stop_early(stage: str, done: int, total: int | None) -> None:
        if done >= 8:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        draw_demo(tmp_path, n=32, seed=3, progress=stop_early)
    assert not (tmp_path / "manifest.csv").exists()
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*/*.png")}
    assert 8 <= len(kept) < 32
    draw_demo(tmp_path, n=32, seed=3)
    assert digest(tmp_path) == digest(demo)
    assert all(file.stat().st_mtime_ns == time for file, time in kept.items())


def test_progress_counts_to_the_end(tmp_path):
    calls = []
    draw_demo(tmp_path, n=9, seed=0, progress=lambda *call: calls.append(call))
    assert calls[0] == ("drawing", 0, 9)
    assert calls[-1] == ("drawing", 9, 9)


def test_nine_pictures_are_spread_over_the_types(tmp_path):
    draw_demo(tmp_path, n=9, seed=0)
    counts = Counter(file.parent.name for file in tmp_path.glob("*/*.png"))
    assert sorted(counts.values()) == [1] * 7 + [2]


def test_no_single_colour_tells_the_types_apart(tmp_path):
    """A nearest-mean classifier on mean colour must fail on most pictures, or it is no demo."""
    draw_demo(tmp_path, n=120, seed=1)
    files = sorted(tmp_path.glob("*/*.png"))
    labels = np.array([file.parent.name for file in files])
    colours = np.array([np.asarray(Image.open(f), np.float32).mean((0, 1)) for f in files])
    train = np.arange(len(files)) % 2 == 0
    means = np.array([colours[train & (labels == name)].mean(0) for name in CELL_TYPES])
    nearest = np.linalg.norm(colours[~train, None] - means, axis=2).argmin(1)
    right = np.mean(np.array(CELL_TYPES)[nearest] == labels[~train])
    assert right < 0.5


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (8, -1)])
def test_impossible_sets_are_refused_in_one_sentence(tmp_path, n, seed):
    with pytest.raises(FewshotLabError, match="at least one picture"):
        draw_demo(tmp_path, n=n, seed=seed)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FewshotLabError, match="cannot be written"):
        draw_demo(tmp_path / "file", n=8)
