"""Many small files written durably: waiting for the disk once per batch, not once per file."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

_FILES, _BYTES = 128, 128 * 2**20


class DurableFiles:
    """Files that are written beside their final names and put in place a batch at a time.

    Use as a context manager; what was not settled when it ends is removed, and so is what a
    killed process left in the folder an hour ago or more.
    """

    def __init__(self, folder: Path) -> None:
        for part in folder.rglob(".*.part"):
            if part.stat().st_mtime < time.time() - 3600:
                part.unlink(missing_ok=True)
        self._waiting: dict[Path, Path] = {}
        self._bytes = 0
        # waits of several threads are met by one commit of the file system
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="settle")

    def __enter__(self) -> "DurableFiles":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()
        for part in self._waiting.values():
            part.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, target: Path) -> bool:
        return target in self._waiting

    def write(self, target: Path, size: int) -> Path:
        """Return where to write what shall become `target`, of about `size` bytes."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{uuid4().hex[:12]}.part")
        self._waiting[target] = part
        self._bytes += size
        return part

    def drop(self, target: Path) -> None:
        """Give up on a file that could not be written."""
        self._waiting.pop(target).unlink(missing_ok=True)

    @property
    def full(self) -> bool:
        """Whether it is time to settle."""
        return len(self._waiting) >= _FILES or self._bytes >= _BYTES

    def settle(self) -> None:
        """Wait until all is on the disk, then give every file its name."""
        list(self._pool.map(_to_disk, self._waiting.values()))
        for target in list(self._waiting):
            self._waiting.pop(target).replace(target)
        self._bytes = 0


def _to_disk(part: Path) -> None:
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
