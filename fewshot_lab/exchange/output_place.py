"""Where several files go together: into a folder, or into one ZIP."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from fewshot_lab.files import clear_leftovers

Put = Callable[[str, Callable[[Path], object]], None]
"""Writes a file: what it is called, and what writes it to a path."""


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
    clear_leftovers(target.parent, f".{escape(target.name)}.*.part", Path.is_dir)
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
