"""A project in one file: written while people label, with sums to check it, whole or not there."""

import hashlib
import os
import re
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.files import clear_leftovers, to_json
from fewshot_lab.home import MARKER
from fewshot_lab.images import pixel_file
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import DATABASE, Project
from fewshot_lab.store import SCHEMA_VERSION, Store
from fewshot_lab.version import __version__

FORMAT = 1
MANIFEST = "backup.json"
SUFFIX = ".fewshot.zip"
LEFT_OUT = {"uploads", "fetched", "jobs", "trials", "pools"}
"""Folders of a project that are of the moment: drops, fetches, logs of jobs, comparisons; and
what a restart would have to compute anew."""
BLOCK = 2**20


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds.

    Attributes
    ----------
    file : Path
    bytes : int
        Of the file.
    files, images, position : int
        Files of the project in it, images of the project, position of the log.
    outside : int
        Images that are read from folders outside the project: they are not in it.
    missing : tuple of str
        Files that should be in the project's folder and are not.
    """

    file: Path
    bytes: int
    files: int
    images: int
    position: int
    outside: int
    missing: tuple[str, ...]


def write_backup(
    project: Project, file: Path, *, overwrite: bool = False, progress: Progress = silent
) -> BackupReport:
    """Write a project into one file, as it is at one moment; labelling goes on meanwhile.

    The log and all else in the database, the images that lie in the project, thumbnails,
    embeddings, maps, studies and bundles are in it. Images that are read in place are named.

    Parameters
    ----------
    project : Project
    file : Path
        Where to; in a folder, the file gets a name of its own.
    overwrite : bool
        Replace a file that is there, once the new one is whole.
    progress : Progress
        Told of the files, stage "copying".

    Raises
    ------
    FewshotLabError
        Where the file is there, or its folder is not.
    """
    if file.is_dir():
        file /= f"{project.name}-{datetime.now():%Y%m%d-%H%M%S}{SUFFIX}"
    if not file.parent.is_dir():
        raise FewshotLabError(f"There is no folder {file.parent}.")
    if file.exists() and not overwrite:
        raise FewshotLabError(f"{file} exists already: name another file, or say --overwrite.")
    clear_leftovers(file.parent, ".*.backup.part", _is_unfinished)
    beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}.backup.part")
    try:
        with tempfile.TemporaryDirectory(
            dir=file.parent, prefix=".", suffix=".backup.part"
        ) as near:
            database = Path(near) / DATABASE
            # First the rows: files are put into place before rows name them, and stay.
            project.store.save_copy(database)
            with zipfile.ZipFile(beside, "w") as archive:
                report = _write(archive, project, database, file, progress)
        with beside.open("rb+") as stream:
            os.fsync(stream.fileno())
        size = beside.stat().st_size
        beside.replace(file)
        with suppress(Unavailable):  # a project on a read-only medium
            project.store.note("export", kind="backup", file=str(file))
    finally:
        beside.unlink(missing_ok=True)
    return BackupReport(bytes=size, **report)


def _write(
    archive: zipfile.ZipFile, project: Project, database: Path, file: Path, progress: Progress
) -> dict[str, Any]:
    files = [(DATABASE, database), *_files(project.folder)]
    sums: dict[str, tuple[int, str]] = {}
    for number, (name, path) in enumerate(files):
        progress("copying", number, len(files))
        try:
            sums[name] = _add(archive, name, path)
        except FileNotFoundError:  # what can be made again may be removed at any time
            continue
    progress("copying", len(files), len(files))
    with closing(Store.open(database)) as rows:
        images, position = len(rows.ids()), rows.position()
        named = {project.folder / row.file for row in rows.files()}
    outside = [p for p in named if not pixel_file(p).is_relative_to(project.folder)]
    inside = {
        path.relative_to(project.folder).as_posix()
        for path in named
        if path.is_relative_to(project.folder)
    }
    about = {
        "format": FORMAT,
        "app": __version__,
        "data_format": SCHEMA_VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": project.name,
        "title": project.title,
        "folder": str(project.folder),
        "images": images,
        "position": position,
        "outside": len(outside),
        "files": sums,
    }
    archive.writestr(MANIFEST, to_json(about), zipfile.ZIP_DEFLATED)
    return {
        "file": file,
        "files": len(sums),
        "images": images,
        "position": position,
        "outside": len(outside),
        "missing": tuple(sorted(inside - sums.keys())),
    }


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what belongs to a project beside its database, by its path in the folder."""
    for top in sorted(folder.iterdir()):
        if top.name in LEFT_OUT or top.name.startswith((DATABASE, ".")):
            continue
        if top.is_file():
            yield top.name, top
        for where, _, names in os.walk(top):
            for name in sorted(names):
                path = Path(where, name)
                if not name.startswith(".") and not name.endswith(".lock") and path.is_file():
                    yield path.relative_to(folder).as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> tuple[int, str]:
    """Add a file; return its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source:
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        packed = name in (DATABASE, MARKER)  # pictures and numbers do not get smaller
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        entry.external_attr = 0o600 << 16
        with archive.open(entry, "w", force_zip64=True) as target:
            while block := source.read(BLOCK):
                digest.update(block)
                size += len(block)
                target.write(block)
    return size, digest.hexdigest()


def _is_unfinished(path: Path) -> bool:
    if path.is_dir():
        return all(part.name.startswith(DATABASE) for part in path.iterdir())
    return bool(re.fullmatch(r"\..+\.[0-9a-f]{8}\.backup\.part", path.name))
