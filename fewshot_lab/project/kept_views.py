"""The views of a project's pool on the disk, so that a server that starts need not make them."""

import zlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fewshot_lab.classifiers import Reduction, View
from fewshot_lab.embeddings import alone
from fewshot_lab.files import write_atomically
from fewshot_lab.version import __version__


class KeptViews:
    """Keeps each view as two files: its numbers, and what they are known by.

    Numbers are mapped, not read: processes share them, and the system lets go of what it needs
    the memory for. What is damaged, or of other images, is made anew.

    Parameters
    ----------
    folder : Path
    mark : str
        What all the views are made of.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder = folder
        self._mark = f"{__version__} {mark}"

    def __call__(self, name: str, make: Callable[[], View]) -> View:
        """Return the view that is kept under a name, or make it and keep it."""
        with ExitStack() as stack:
            with suppress(OSError):  # a read-only medium, or one without locks
                self._folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(alone(self._folder / f"{name}.lock"))
            view = self._read(name)
            if view is None:
                view = make()
                with suppress(OSError):  # a full disk
                    self._write(name, view)
                    view = self._read(name) or view
            return view

    def _write(self, name: str, view: View) -> None:
        numbers = view.numbers
        about = view.reduction.to_bytes(
            mark=np.array(self._mark),
            variance=view.variance,
            kind=np.empty(0, numbers.dtype),
            shape=np.array(numbers.shape),
            checksum=np.array(zlib.crc32(numbers.data)),
        )
        write_atomically(self._folder / f"{name}.numbers", numbers.data, lasting=False)
        write_atomically(self._folder / f"{name}.npz", about, lasting=False)

    def _read(self, name: str) -> View | None:
        try:
            content = (self._folder / f"{name}.npz").read_bytes()
            with np.load(BytesIO(content), allow_pickle=False) as about:
                if str(about["mark"]) != self._mark:
                    return None
                variance, checksum = about["variance"], int(about["checksum"])
                kind, shape = about["kind"].dtype, tuple(about["shape"].tolist())
            file = self._folder / f"{name}.numbers"
            numbers = np.asarray(np.memmap(file, kind, "r", shape=shape))
            if zlib.crc32(numbers.data) != checksum:
                return None
            return View(Reduction.from_bytes(content), variance, numbers)
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
            return None
