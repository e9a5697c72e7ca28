"""All images of a run, decoded once: a memory-mapped array that workers and runs share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.images import UnreadableImage, read_rgb
from fewshot_lab.progress import Progress, silent

try:
    import fcntl
except ImportError:  # Windows: two runs that begin at once decode twice
    fcntl = None  # type: ignore[assignment]

_BLOCK = 256
_VERSION = 1


@dataclass(frozen=True)
class Source:
    """An image of a run.

    Attributes
    ----------
    id : str
    file : Path
    frame : int
    label : int or None
        For the check alone; training never sees it.
    group : str or None
    """

    id: str
    file: Path
    frame: int = 0
    label: int | None = None
    group: str | None = None


class Pixels:
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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the map out: a worker process opens its own, where pickling would copy all."""
        return self.__dict__ | {"_mapped": None}


@dataclass(frozen=True)
class Decoded:
    """The images that could be read.

    Attributes
    ----------
    pixels : Pixels
    sources : tuple of Source, (n,)
    unreadable : tuple of (Source, str)
        Left out, each with the reason.
    """

    pixels: Pixels
    sources: tuple[Source, ...]
    unreadable: tuple[tuple[Source, str], ...]


def read_sources(path: Path) -> list[Source]:
    """Read a run's ``images.jsonl``.

    Raises
    ------
    FewshotLabError
        If it is missing or a line is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FewshotLabError(f"{path} cannot be read: {error.strerror}.") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found.append(
                Source(
                    str(row["id"]),
                    Path(row["file"]),
                    int(row.get("frame", 0)),
                    row.get("label"),
                    row.get("group"),
                )
            )
        except (ValueError, KeyError, TypeError):
            raise FewshotLabError(f"Line {number} of {path} names no image.") from None
    return found


def decode(
    sources: Sequence[Source], side: int, folder: Path, *, progress: Progress = silent
) -> Decoded:
    """Return the images at `side` x `side` px, decoding what is not yet in the cache.

    The aspect ratio is not kept: a crop would lose what lies at the border, and DINO's crops
    change it anyway.

    Parameters
    ----------
    folder
        Where caches are kept; one is made in it for these images and this size.
    """
    digest = hashlib.sha256(
        json.dumps([_VERSION, side, [(s.id, s.frame) for s in sources]]).encode()
    ).hexdigest()[:16]
    place = folder / digest
    place.mkdir(parents=True, exist_ok=True)
    shape = (len(sources), side, side, 3)
    file = place / "pixels.u8"
    with _alone(place):
        done, reasons = _state(place)
        if done < len(sources):
            _make_room(file, int(np.prod(shape)))
            pixels = np.memmap(file, np.uint8, "r+", shape=shape)
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                while done < len(sources):
                    progress("decoding", done, len(sources))
                    block = range(done, min(done + _BLOCK, len(sources)))
                    read = pool.map(lambda row: _square(sources[row], side), block)
                    for row, result in zip(block, read, strict=True):
                        if isinstance(result, str):
                            reasons[str(row)] = result
                        else:
                            pixels[row] = result
                    pixels.flush()
                    done = block.stop
                    _write_state(place, done, reasons)
            del pixels
    progress("decoding", len(sources), len(sources))
    bad = {int(row): reason for row, reason in reasons.items()}
    good = [row for row in range(len(sources)) if row not in bad]
    if not good:
        raise FewshotLabError("None of the images can be read.")
    return Decoded(
        Pixels(file, shape, np.array(good)),
        tuple(sources[row] for row in good),
        tuple((sources[row], reason) for row, reason in bad.items()),
    )


def _square(source: Source, side: int) -> NDArray[np.uint8] | str:
    try:
        picture = read_rgb(source.file, source.frame, at_least=side)
    except (UnreadableImage, OSError) as error:
        return str(error)
    from PIL import Image

    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))


def _state(place: Path) -> tuple[int, dict[str, str]]:
    try:
        stored = json.loads((place / "state.json").read_text(encoding="utf-8"))
        return int(stored["done"]), dict(stored["unreadable"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, {}


def _write_state(place: Path, done: int, reasons: dict[str, str]) -> None:
    text = json.dumps({"done": done, "unreadable": reasons})
    write_atomically(place / "state.json", text.encode())


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
