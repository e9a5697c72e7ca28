"""Several processes at one list of images: each piece is taken by one."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no such locks; two processes may then embed an image twice.
    fcntl = None  # type: ignore[assignment]


class Claims:
    """Locks on pieces of work, let go by the system when their process ends, however it ends.

    A byte of one file stands for a piece, so that neither thousands of files nor open handles
    are needed, and a ``kill -9`` leaves nothing behind to clean up.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "claims.lock").open("a+b")

    def take(self, ids: Sequence[str]) -> bool:
        """Return whether the piece with these images is now this process's own."""
        if fcntl is None:
            return True
        digest = hashlib.sha256("\n".join(ids).encode()).digest()
        offset = int.from_bytes(digest[:7], "big")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError as error:
            # A file system without locks: better twice than never.
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process in at a time; the system lets go of the lock however a process ends."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield
