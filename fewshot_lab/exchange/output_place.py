"""Where several files go together: into a folder, or into one ZIP."""

import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Put = Callable[[str, Callable[[Path], object]], None]
"""Writes a file: what it is called, and what writes it to a path."""

_KILLED_SECONDS = 3600.0


@contextmanager
def output_place(target: Path) -> Iterator[Put]:
    """Give what writes files into a folder, or into a ZIP where the target's name ends so.

    A ZIP is there when it is whole, an old one until then.

    Raises
    ------
    OSError
    """
    if target.suffix.lower() != ".zip":
        target.mkdir(parents=True, exist_ok=True)

        def into_folder(name: str, write: Callable[[Path], object]) -> None:
            write(target / name)

        yield into_folder
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(target)
    beside = Path(tempfile.mkdtemp(".part", f".{target.name}.", target.parent))
    try:
        with zipfile.ZipFile(beside / target.name, "w", zipfile.ZIP_DEFLATED) as archive:

            def into_archive(name: str, write: Callable[[Path], object]) -> None:
                write(beside / name)
                archive.write(beside / name, name)
                (beside / name).unlink()

            yield into_archive
        (beside / target.name).replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _clear_leftovers(target: Path) -> None:
    """Remove what runs left that were killed, an hour ago or more."""
    for left in target.parent.iterdir():
        if left.name.startswith(f".{target.name}.") and left.suffix == ".part":
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - _KILLED_SECONDS:
                    shutil.rmtree(left)
