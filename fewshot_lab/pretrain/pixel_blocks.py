"""Decoded images on the disk: files of pixels that processes, nodes and runs share.

A block is written beside and renamed, and whoever finds it uses it. So a cache needs nothing of its
file system but that a rename is one step: no locks, no reserved room, which NFS, Lustre and BeeGFS
have only in part.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import full_disk, write_atomically
from fewshot_lab.processors import processors

_OF_EARLIER_VERSIONS = ("pixels.u8", "state.json", "lock")
_LEFT_BEHIND = 3600.0
"""Seconds after which nobody is still writing a file: its process was killed."""
BLOCK = 128
"""Images in a file: few enough that the processes of a run have equal shares of them."""
_SEEN_WITHIN = 60.0
"""Seconds until a file that another node has written is seen here, at the latest (NFS: 30)."""


class CachedPixels:
    """The decoded images, on the disk: ``pixels[row]`` or ``pixels[rows]``, uint8.

    Parameters
    ----------
    folder
        Of the blocks.
    side
        Of an image, in pixels.
    rows
        Which of the images listed could be read.
    """

    def __init__(self, folder: Path, side: int, rows: NDArray[np.int64]) -> None:
        self._folder, self._side, self._rows = folder, side, rows
        self._mapped: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    def __getitem__(self, row: int | NDArray[Any]) -> NDArray[np.uint8]:
        """Return a copy of one image, or of some."""
        rows = self._rows[row]
        if np.ndim(rows) == 0:
            return np.array(self._image(int(rows)))
        some = np.empty((len(rows), self._side, self._side, 3), np.uint8)
        for place, each in enumerate(rows):
            some[place] = self._image(int(each))
        return some

    def _image(self, row: int) -> NDArray[np.uint8]:
        block, place = divmod(row, BLOCK)
        if block not in self._mapped:
            file = _block_file(self._folder, block)
            flat = np.memmap(file, np.uint8, "r")
            size = 3 * self._side**2
            images = min(BLOCK, len(flat) // size)
            self._mapped[block] = flat[: images * size].reshape(images, self._side, self._side, 3)
        image: NDArray[np.uint8] = self._mapped[block][place]
        return image

    def only(self, rows: NDArray[np.int64]) -> CachedPixels:
        """Return some of them."""
        return CachedPixels(self._folder, self._side, self._rows[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out: a worker process opens its own, where pickling would copy all."""
        return self.__dict__ | {"_mapped": {}}


def _block_file(folder: Path, block: int) -> Path:
    return folder / f"{block:06d}.u8"


class PixelBlocks:
    """The files of a cache: pixels, and after them as JSON whose they are and what is missing.

    Parameters
    ----------
    folder
        Of this cache; its name tells the images, in their order, and their side.
    images : int
        How many.
    side
        Of an image, in pixels.

    Attributes
    ----------
    count : int
        Of files.
    refused : int
        Files that were found cut off or of other images, and written anew.
    """

    def __init__(self, folder: Path, images: int, side: int) -> None:
        self.folder, self._images, self._side = folder, images, side
        self.count = -(-images // BLOCK)
        self.refused = 0
        folder.mkdir(parents=True, exist_ok=True)

    def _missing(self) -> list[int]:
        there = {entry.name for entry in os.scandir(self.folder)}
        return [b for b in range(self.count) if _block_file(self.folder, b).name not in there]

    def check_room(self) -> None:
        """Raise FewshotLabError where what is missing would not fit on the disk."""
        size = min(len(self._missing()) * BLOCK, self._images) * 3 * self._side**2
        if size > shutil.disk_usage(self.folder).free:
            raise self._no_room("not as much is free", size)

    def _no_room(self, reason: str, size: int | None = None) -> FewshotLabError:
        size = size or self._images * 3 * self._side**2
        return FewshotLabError(
            f"There is no room for the decoded images ({size / 1e9:.1f} GB in {self.folder}): "
            f"{reason}. Make room and start it again; what is decoded is kept."
        )

    def decoded(
        self, block: int, decode: Callable[[int], NDArray[np.uint8] | str], *, again: bool
    ) -> dict[int, str]:
        """Have a block on the disk; return why which of its rows could not be read.

        Parameters
        ----------
        block
        decode
            Gives the (side, side, 3) pixels of a row, or why it cannot be read.
        again
            Try those once more that could not be read before.
        """
        file = _block_file(self.folder, block)
        rows = range(block * BLOCK, min((block + 1) * BLOCK, self._images))
        shape = (len(rows), self._side, self._side, 3)
        stored_reasons = self._reasons(file, block, int(np.prod(shape)))
        if stored_reasons is not None and not (again and stored_reasons):
            return stored_reasons
        if stored_reasons is None:
            self.refused += file.exists()
            pixels, todo = np.zeros(shape, np.uint8), list(rows)
        else:
            pixels = np.fromfile(file, np.uint8, int(np.prod(shape))).reshape(shape)
            todo = list(stored_reasons)
        reasons: dict[int, str] = {}
        with ThreadPoolExecutor(min(8, processors())) as pool:
            for row, result in zip(todo, pool.map(decode, todo), strict=True):
                if isinstance(result, str):
                    reasons[row] = result
                else:
                    pixels[row - rows.start] = result
        if reasons != stored_reasons:
            about = {"digest": self.folder.name, "block": block, "unreadable": reasons}
            try:
                write_atomically(file, pixels.tobytes() + json.dumps(about).encode())
            except OSError as error:
                if full_disk(error) is None:
                    raise
                raise self._no_room(error.strerror or "the disk is full") from error
        return reasons

    def _reasons(self, file: Path, block: int, size: int) -> dict[int, str] | None:
        """Return what a file says is missing; None where it is not there, cut, or of others."""
        try:
            with file.open("rb") as opened:
                opened.seek(size)
                about = json.loads(opened.read())
            if (about["digest"], about["block"]) == (self.folder.name, block):
                return {int(row): str(why) for row, why in about["unreadable"].items()}
        except (OSError, ValueError, TypeError, KeyError):
            pass
        return None

    def wait_until_seen(self) -> None:
        """Wait for what others wrote: a network file system shows it some seconds later."""
        until = time.monotonic() + _SEEN_WITHIN
        while missing := self._missing():
            if time.monotonic() > until:
                raise FewshotLabError(
                    f"{len(missing)} of {self.count} files of decoded images are not to be seen "
                    f"in {self.folder} on this machine ({platform.node()}): the folder of "
                    "projects must be on a file system that all machines of a run share."
                )
            time.sleep(0.2)

    def tidy(self) -> None:
        """Delete what killed processes and earlier versions left behind."""
        for name in _OF_EARLIER_VERSIONS:
            (self.folder / name).unlink(missing_ok=True)
        for part in self.folder.glob(".*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _LEFT_BEHIND:
                    part.unlink()
