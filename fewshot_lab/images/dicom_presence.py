"""Whether there is DICOM among what somebody wants to bring in, told before anything is read."""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from fewshot_lab.images.file_types import (
    DICOM_SUFFIXES,
    HEAD,
    ending,
    head_kind,
    is_noise,
    kind_of,
    needs_a_look,
)

MOST_NAMES = 20_000
MOST_LOOKS = 100


def named_dicom(names: Iterable[str]) -> bool:
    """Say whether any file name ends like one of DICOM, or has no ending, as many of them."""
    return any(ending(name) in DICOM_SUFFIXES or needs_a_look(name) for name in names)


def holds_dicom(path: Path) -> bool:
    """Say whether a folder, a ZIP or a file holds DICOM, by names and some first bytes.

    Looks at no more than 20,000 names and into 100 files, so that a page can ask it at any time;
    False where it cannot be read, which the import will say.
    """
    try:
        if path.is_dir():
            return _among(_walk(path), lambda name: _head(Path(name)))
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = (name for name in archive.namelist() if not name.endswith("/"))
                return _among(names, lambda name: _packed_head(archive, name))
        return kind_of(path) == "dicom"
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return False


def _among(names: Iterator[str], head: Callable[[str], bytes]) -> bool:
    looks = 0
    for number, name in enumerate(names):
        if number >= MOST_NAMES:
            return False
        file_name = PurePosixPath(name).name
        if is_noise(file_name):
            continue
        if ending(file_name) in DICOM_SUFFIXES:
            return True
        if needs_a_look(file_name) and looks < MOST_LOOKS:
            looks += 1
            if head_kind(head(name)) == "dicom":
                return True
    return False


def _walk(folder: Path) -> Iterator[str]:
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_noise(name))
        for name in files:
            yield f"{base}/{name}"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


def _packed_head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        return stream.read(HEAD)
