"""All images of a run, decoded once: a memory-mapped array that workers and runs share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_json
from fewshot_lab.images import UnreadableImage, read_rgb
from fewshot_lab.progress import Progress, silent

try:
    import fcntl
except ImportError:  # Windows: two runs that begin at once decode twice
    fcntl = None  # type: ignore[assignment]

_BLOCK = 256
_VERSION = 1
_STATE = "state.json"
UNREADABLE = "unreadable.json"
"""In a run's folder: the reason by id of each image that it could not read when it began."""


@dataclass(frozen=True)
class RunImage:
    """An image of a run.

    Attributes
    ----------
    id : str
    file : Path
    frame : int
    label : int or None
        For the check alone; training never sees it.
    group : str or None
        Patient or slide: kept on one side of every split of the check.
    side : int
        The shorter one, in pixels; 0 if not known.
    """

    id: str
    file: Path
    frame: int = 0
    label: int | None = None
    group: str | None = None
    side: int = 0


class CachedPixels:
    """The decoded images, on the disk: ``pixels[row]`` or ``pixels[rows]``, uint8.

    Parameters
    ----------
    file, shape
        Of (m, side, side, 3) bytes.
    rows
        Which of them could be read.
    """

    def __init__(self, file: Path, shape: tuple[int, ...], rows: NDArray[np.int64]) -> None:
        self._file, self._shape, self._rows = file, shape, rows
        self._mapped: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    def __getitem__(self, row: int | NDArray[Any]) -> NDArray[np.uint8]:
        """Return a copy of one image, or of some."""
        if self._mapped is None:
            self._mapped = np.memmap(self._file, np.uint8, "r", shape=self._shape)
        return np.array(self._mapped[self._rows[row]])

    def only(self, rows: NDArray[np.int64]) -> CachedPixels:
        """Return some of them."""
        return CachedPixels(self._file, self._shape, self._rows[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the map out: a worker process opens its own, where pickling would copy all."""
        return self.__dict__ | {"_mapped": None}


@dataclass(frozen=True)
class DecodedImages:
    """The images that could be read.

    Attributes
    ----------
    pixels : CachedPixels
    images : tuple of RunImage, (n,)
    unreadable : dict
        The reason by id, of those that could not be.
    """

    pixels: CachedPixels
    images: tuple[RunImage, ...]
    unreadable: dict[str, str] = field(default_factory=dict)

    def without(self, ids: Collection[str]) -> DecodedImages:
        """Return the images but for some."""
        kept = [row for row, image in enumerate(self.images) if image.id not in ids]
        if len(kept) == len(self.images):
            return self
        images = tuple(self.images[row] for row in kept)
        return DecodedImages(self.pixels.only(np.array(kept)), images, self.unreadable)


def decode_images(
    images: Sequence[RunImage],
    side: int,
    folder: Path,
    *,
    again: bool = False,
    progress: Progress = silent,
) -> DecodedImages:
    """Return the images at `side` x `side` px, decoding what is not yet in the cache.

    The aspect ratio is not kept: a crop would lose what lies at the border, and DINO's crops
    change it anyway.

    Parameters
    ----------
    folder
        Where caches are kept; one is made in it for these images and this size.
    again
        Try those once more that could not be read before: a file may have come back.
    """
    digest = hashlib.sha256(
        json.dumps([_VERSION, side, [(i.id, i.frame) for i in images]]).encode()
    ).hexdigest()[:16]
    place = folder / digest
    place.mkdir(parents=True, exist_ok=True)
    shape = (len(images), side, side, 3)
    file = place / "pixels.u8"
    with _alone(place):
        stored = read_json(place / _STATE) or {}
        done, reasons = int(stored.get("done", 0)), dict(stored.get("unreadable", {}))
        todo = [*(sorted(map(int, reasons)) if again else ()), *range(done, len(images))]
        if todo:
            _make_room(file, int(np.prod(shape)))
            pixels = np.memmap(file, np.uint8, "r+", shape=shape)
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                for start in range(0, len(todo), _BLOCK):
                    progress("decoding", len(images) - len(todo) + start, len(images))
                    block = todo[start : start + _BLOCK]
                    read = pool.map(lambda row: _square(images[row], side), block)
                    for row, result in zip(block, read, strict=True):
                        reasons.pop(str(row), None)
                        if isinstance(result, str):
                            reasons[str(row)] = result
                        else:
                            pixels[row] = result
                    pixels.flush()
                    done = max(done, block[-1] + 1)
                    write_json(place / _STATE, {"done": done, "unreadable": reasons})
            del pixels
    progress("decoding", len(images), len(images))
    unreadable = {images[int(row)].id: reason for row, reason in reasons.items()}
    good = [row for row in range(len(images)) if str(row) not in reasons]
    if not good:
        some = next(iter(reasons), None)
        why = f" {images[int(some)].file}: {reasons[some]}" if some is not None else ""
        raise FewshotLabError(f"None of the images can be read.{why}")
    return DecodedImages(
        CachedPixels(file, shape, np.array(good)), tuple(images[row] for row in good), unreadable
    )


def _square(image: RunImage, side: int) -> NDArray[np.uint8] | str:
    try:
        picture = read_rgb(image.file, image.frame, at_least=side)
    except (UnreadableImage, OSError) as error:
        return str(error)
    from PIL import Image

    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))


def _make_room(file: Path, size: int) -> None:
    """Reserve the file's room on the disk: a memory map on a full disk ends the process."""
    try:
        with file.open("ab") as opened:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(opened.fileno(), 0, size)
            opened.truncate(size)
    except OSError as error:
        raise FewshotLabError(
            f"There is no room for the decoded images ({size / 1e9:.1f} GB in {file.parent}): "
            f"{error.strerror}."
        ) from None


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process decode at a time."""
    with (place / "lock").open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
