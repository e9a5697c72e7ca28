"""Images are decoded once; those that could not be read are told, and tried again when asked."""

import errno
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.pretrain.image_cache import RunImage, decode_images


def drawn(folder: Path, n: int) -> list[RunImage]:
    """Draw images of one colour each, no two the same."""
    images = []
    for k in range(n):
        file = folder / f"{k}.png"
        Image.new("RGB", (9, 9), (k % 256, k // 256, 7)).save(file)
        images.append(RunImage(str(k), file))
    return images


def colours(images: list[RunImage], side: int, cache: Path) -> list[int]:
    data = decode_images(images, side, cache)
    pixels = data.pixels[np.arange(len(data.images))].astype(int)
    return (pixels[:, 0, 0, 0] + 256 * pixels[:, 0, 0, 1]).tolist()


def test_what_was_away_is_read_when_it_is_back(tmp_path: Path) -> None:
    images = []
    for k in range(5):
        file = tmp_path / f"{k}.png"
        Image.new("RGB", (20, 10), (40 * k, 0, 0)).save(file)
        images.append(RunImage(str(k), file))
    (tmp_path / "3.png").rename(tmp_path / "away")
    first = decode_images(images, 8, tmp_path / "cache")
    assert [image.id for image in first.images] == ["0", "1", "2", "4"]
    assert first.unreadable == {"3": "The file is not there."}
    (tmp_path / "away").rename(tmp_path / "3.png")
    # A run that goes on sees what it began with; the next one sees all.
    assert len(decode_images(images, 8, tmp_path / "cache").images) == 4
    second = decode_images(images, 8, tmp_path / "cache", again=True)
    assert second.unreadable == {}
    red = np.array([second.pixels[k][0, 0, 0] for k in range(5)])
    assert red.tolist() == [0, 40, 80, 120, 160]
    held = second.without({"1"})
    assert [image.id for image in held.images] == ["0", "2", "3", "4"]
    assert held.pixels[np.array([0, 1])][:, 0, 0, 0].tolist() == [0, 80]


def test_runs_that_begin_at_once_share_a_cache_without_locks(tmp_path: Path, monkeypatch) -> None:
    images = drawn(tmp_path, 300)
    for name in ("posix_fallocate", "link"):  # what NFS, Lustre and others have only in part
        monkeypatch.delattr(os, name, raising=False)
    with ThreadPoolExecutor(3) as pool:
        every = list(pool.map(lambda _: colours(images, 8, tmp_path / "cache"), range(3)))
    assert every == [list(range(300))] * 3
    assert not any("lock" in file.name for file in (tmp_path / "cache").rglob("*"))


def test_blocks_that_are_cut_or_of_other_images_are_decoded_again(tmp_path: Path) -> None:
    images = drawn(tmp_path, 300)
    assert colours(images, 8, tmp_path / "cache") == list(range(300))
    first, second, third = sorted((tmp_path / "cache").glob("*/*.u8"))
    first.write_bytes(first.read_bytes()[:1000])
    colours(images[::-1], 8, tmp_path / "other")
    (other,) = (tmp_path / "other").iterdir()
    second.write_bytes((other / second.name).read_bytes())
    third.unlink()
    note = decode_images(images, 8, tmp_path / "cache").note
    assert note.startswith(f"Of 3 files of decoded images in {first.parent}, 2 were cut off or of")
    assert decode_images(images, 8, tmp_path / "cache").note == ""
    assert colours(images, 8, tmp_path / "cache") == list(range(300))


def test_stopped_while_decoding_it_keeps_what_is_decoded(tmp_path: Path) -> None:
    images = drawn(tmp_path, 300)

    def stop(stage: str, done: int, total: int | None) -> None:
        if done:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        decode_images(images, 8, tmp_path / "cache", progress=stop)
    assert len(list((tmp_path / "cache").glob("*/*.u8"))) == 1
    assert colours(images, 8, tmp_path / "cache") == list(range(300))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a real file system of 300 kB, or skip."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_before_and_while_it_fills(
    tmp_path: Path, small_disk: Path, monkeypatch
) -> None:
    images = drawn(tmp_path, 300)
    with pytest.raises(FewshotLabError, match=r"no room .* not as much is free"):
        decode_images(images, 32, small_disk / "cache")
    # A quota is not seen before it is met.
    monkeypatch.setattr("fewshot_lab.pretrain.pixel_blocks.PixelBlocks.check_room", lambda _: None)
    with pytest.raises(FewshotLabError, match=os.strerror(errno.ENOSPC)):
        decode_images(images, 26, small_disk / "cache")
    kept = list((small_disk / "cache").glob("*/*.u8"))
    assert len(kept) == 1
    assert not list((small_disk / "cache").glob("*/.*.part"))
    written = kept[0].stat().st_mtime_ns
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    assert colours(images, 26, small_disk / "cache") == list(range(300))
    assert kept[0].stat().st_mtime_ns == written
