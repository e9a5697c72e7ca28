"""What a path or a drop holds, told before anything is imported."""

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.files import expanded, nearest_existing, while_unchanged, write_atomically
from fewshot_lab.images import ClipSettings, ManifestColumns, SliceStep, Tiling, holds_dicom
from fewshot_lab.images.slides import FoundSlide, slides_in
from fewshot_lab.jobs import clear_drops
from fewshot_lab.project import UPLOADS
from fewshot_lab.ui.clip_form import clip_options
from fewshot_lab.ui.folders import count_pictures
from fewshot_lab.ui.slide_form import tiling_options
from fewshot_lab.ui.typed_paths import confine
from fewshot_lab.ui.work import command_options
from fewshot_lab.words import count, plural, size

LOOKED_AT = 5000
LOOKED_INTO = 200
"""Files of a folder whose first bytes say whether they are slides."""
LONGEST_PART, LONGEST_SUFFIX = 200, 12
"""Bytes of a name, of the 255 that a disk takes: while it is written it is longer."""
CONTAINERS = {".zip": "zip", ".npz": "npz", ".csv": "csv", ".tsv": "csv"}


class Dropped(Protocol):
    """A file dropped into the browser."""

    name: str

    def getbuffer(self) -> memoryview:
        """Return its bytes."""


@dataclass(frozen=True)
class Source:
    """A place that images can be imported from.

    Attributes
    ----------
    kind : "folder", "zip", "npz", "csv" or "file"
    path : Path
    sentence : str
        What was found there at a glance.
    folders : list of str
        Names of the folders directly in it.
    dicom : bool
        Whether DICOM files were found in it.
    slides : tuple of FoundSlide
        Whole slides that were found in it.
    """

    kind: str
    path: Path
    sentence: str
    folders: list[str] = field(default_factory=list)
    dicom: bool = False
    slides: tuple[FoundSlide, ...] = ()


def look(text: str) -> Source:
    """Say what lies at a path that was typed.

    Raises
    ------
    FewshotLabError
        Where there is nothing, or it may not be read.
    """
    path = expanded(text.strip().strip("'\""))
    if not path.is_absolute():
        raise FewshotLabError(f"Type the full path, from its root: {path.absolute()}?")
    confine(path)
    with as_sentence(f"{path} cannot be read"):
        if not path.exists():
            raise FewshotLabError(_missing(path))
        if path.is_dir():
            return _folder(path)
        n_bytes = path.stat().st_size
    kind = CONTAINERS.get(path.suffix.lower(), "file")
    words = {
        "zip": "A ZIP",
        "npz": "A MedMNIST file",
        "csv": "A CSV manifest",
        "file": "A single file",
    }
    sentence = f"{words[kind]}, {size(n_bytes)}."
    dicom = kind in ("zip", "file") and _dicom(path)
    return Source(kind, path, sentence, dicom=dicom, slides=_slides(path) if kind == "file" else ())


# The page asks with every run; what changed in a folder below is told after the next start.
_dicom = while_unchanged(64)(holds_dicom)


def _missing(path: Path) -> str:
    return f"There is nothing at {path}; what exists is {nearest_existing(path)}."


def _folder(path: Path) -> Source:
    folders, files, more = [], 0, False
    with os.scandir(path) as entries:
        for number, entry in enumerate(entries):
            if number >= LOOKED_AT:
                more = True
                break
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            else:
                files += 1
    folders.sort(key=str.casefold)
    if more:
        sentence = f"A folder with more than {count(LOOKED_AT)} files and folders in it."
    elif folders and files:
        sentence = f"A folder with {plural(len(folders), 'folder')} and {plural(files, 'file')}."
    elif folders:
        sentence = f"A folder with {plural(len(folders), 'folder')} in it."
    elif files:
        sentence = f"A folder with {plural(files, 'file')} in it."
    else:
        sentence = "An empty folder."
    images, uncounted = count_pictures(path, time.monotonic() + 0.2)
    if images:
        at_least = "at least " if uncounted else ""
        sentence = f"{sentence.removesuffix('.')}, {at_least}{plural(images, 'image')} in all."
    return Source("folder", path, sentence, folders, _dicom(path), _slides(path))


@while_unchanged(64)
def _slides(path: Path) -> tuple[FoundSlide, ...]:
    return tuple(slides_in([path], looks=LOOKED_INTO))


def keep_drop(
    dropped: Iterable[Dropped], project_folder: Path, *, by_table: bool = True
) -> list[Path]:
    """Write dropped files into the project, with the folders they were dropped in.

    Parameters
    ----------
    dropped : iterable of Dropped
    project_folder : Path
    by_table : bool
        Whether a CSV dropped by itself says what to import, or is a file like any other.

    Returns
    -------
    list of Path
        What to import: the folder they lie in; or the containers themselves where the drop is
        only ZIPs and ``.npz``; or a CSV that was dropped by itself, with its images beside it.

    Raises
    ------
    FewshotLabError
        Where nothing was dropped, or the disk is full.
    """
    clear_drops(project_folder)
    folder = project_folder / UPLOADS / time.strftime("%Y%m%d-%H%M%S")
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{folder.name.split('_')[0]}_{number}")
        number += 1
    written: list[Path] = []
    with as_sentence("The files could not be kept"):
        for file in dropped:
            target = _free(folder / safe_path(file.name))
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, bytes(file.getbuffer()))
            written.append(target)
    if not written:
        raise FewshotLabError("Drop some files first.")
    kinds = {path: CONTAINERS.get(path.suffix.lower()) for path in written}
    # A table inside a dropped folder is one file of many; on its own it says what to import.
    manifests = [path for path in written if kinds[path] == "csv" and path.parent == folder]
    packed = [path for path in written if kinds[path] in ("zip", "npz")]
    if by_table and len(manifests) == 1:
        return [*manifests, *packed]
    if len(packed) == len(written):
        return packed
    return [folder, *packed]


@contextmanager
def dropped_file(dropped: Dropped) -> Iterator[Path]:
    """Give what was dropped as a file, under its own name, for as long as it is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / safe_path(dropped.name).name
        file.write_bytes(dropped.getbuffer())
        yield file


def safe_path(name: str) -> Path:
    """Return a relative path that stays inside its folder, whatever the browser sent."""
    parts = [
        _short(re.sub(r'[\x00-\x1f<>:"|?*]', "_", part))
        for part in PurePosixPath(name.replace("\\", "/")).parts
        if part not in ("/", "..", ".")
    ]
    return Path(*parts) if parts else Path("unnamed")


def _short(name: str) -> str:
    """Return a name in as many bytes as a disk takes, its extension kept."""
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix) < LONGEST_SUFFIX else ""
    stem = name.removesuffix(suffix).encode(errors="ignore")
    return stem[: LONGEST_PART - len(suffix.encode())].decode(errors="ignore") + suffix


def _free(path: Path) -> Path:
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return free


def import_arguments(
    sources: Iterable[Path],
    *,
    reference_labels: bool = False,
    copy: bool = False,
    group_field: str | None = None,
    columns: ManifestColumns | None = None,
    tiling: Tiling | None = None,
    clips: ClipSettings | None = None,
    slices: SliceStep | None = None,
) -> list[str]:
    """Return the arguments of the import job."""
    options: dict[str, object] = {
        "reference_labels": "folders" if reference_labels else None,
        "copy": copy,
        "group_field": group_field,
    }
    if columns is not None:
        for part in ("path", "label", "group", "metadata"):
            options[f"{part}_column"] = getattr(columns, part)
    options |= tiling_options(tiling) if tiling is not None else {}
    options |= clip_options(clips) if clips is not None else {}
    options["slices"] = None if slices == SliceStep() else slices
    return [*map(str, sources), *command_options(**options, prepare=True)]
