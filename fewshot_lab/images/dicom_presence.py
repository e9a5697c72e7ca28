"""Whether there is DICOM, or a volume, in what is to be imported: told before it is read."""

import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from fewshot_lab.images.file_types import (
    DICOM_SUFFIXES,
    HEAD,
    NIFTI_SUFFIXES,
    ending,
    head_kind,
    is_noise,
    kind_of,
    needs_a_look,
)
from fewshot_lab.images.folder import walk
from fewshot_lab.images.unreadable import first_bytes

MOST_NAMES = 20_000
MOST_LOOKS = 100

Kinds = Mapping[str, frozenset[str]]
"""Kinds of files, and how their names end."""


def named_dicom(names: Iterable[str]) -> bool:
    """Say whether any file name ends like one of DICOM, or has no ending, as many of them."""
    return any(ending(name) in DICOM_SUFFIXES or needs_a_look(name) for name in names)


def holds_dicom(path: Path) -> bool:
    """Say whether a folder, a ZIP or a file holds DICOM, by names and some first bytes.

    Looks at no more than 20,000 names and into 100 files, so that a page can ask it at any time;
    False where it cannot be read, which the import will say.
    """
    return _holds(path, {"dicom": DICOM_SUFFIXES})


def holds_slices(path: Path, clips: Collection[Path] = ()) -> bool:
    """Say, like :func:`holds_dicom`, whether there is DICOM or NIfTI other than these clips."""
    return _holds(path, {"dicom": DICOM_SUFFIXES, "nifti": NIFTI_SUFFIXES}, clips)


def _holds(path: Path, kinds: Kinds, besides: Collection[Path] = ()) -> bool:
    try:
        if path.is_dir():
            names = (str(file) for file in walk(path) if file not in besides)
            return _among(names, lambda name: _head(Path(name)), kinds)
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = (name for name in archive.namelist() if not name.endswith("/"))
                return _among(names, lambda name: _packed_head(archive, name), kinds)
        return path not in besides and kind_of(path) in kinds
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return False


def _among(names: Iterator[str], head: Callable[[str], bytes], kinds: Kinds) -> bool:
    suffixes = frozenset().union(*kinds.values())
    looks = 0
    for number, name in enumerate(names):
        if number >= MOST_NAMES:
            return False
        file_name = PurePosixPath(name).name
        if is_noise(file_name):
            continue
        if ending(file_name) in suffixes:
            return True
        if needs_a_look(file_name) and looks < MOST_LOOKS:
            looks += 1
            if head_kind(head(name)) in kinds:
                return True
    return False


def _head(path: Path) -> bytes:
    try:
        return first_bytes(path, HEAD)
    except OSError:
        return b""


def _packed_head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        return stream.read(HEAD)
