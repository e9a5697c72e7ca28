"""A project brought back from a backup: all of it, checked, or nothing."""

import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.files import read_json, write_json
from fewshot_lab.home import MARKER, home
from fewshot_lab.images import pixel_file
from fewshot_lab.operations.backup import BLOCK, FORMAT, MANIFEST
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import DATABASE, Project, database, folder_of, server_url
from fewshot_lab.store import Store

try:
    import fcntl
except ImportError:  # Windows: what a killed restore left is not told from one at work
    fcntl = None  # type: ignore[assignment]

ARRIVING = ".restoring"


@dataclass(frozen=True)
class RestoreReport:
    """What came back.

    Attributes
    ----------
    name : str
        Of the project; another than in the backup where that one is there.
    folder : Path
    images, position : int
        Images, and the log's position.
    unreachable : int
        Images whose files, outside the project, are not there now.
    """

    name: str
    folder: Path
    images: int
    position: int
    unreachable: int


def restore_backup(
    file: Path, *, name: str | None = None, progress: Progress = silent
) -> RestoreReport:
    """Bring a project back, beside whatever is there.

    Parameters
    ----------
    file : Path
        Written by :func:`write_backup`.
    name : str, optional
        What to call it; by default as it was called, with a number where that name is taken.
    progress : Progress
        Told of the files, stage "checking".

    Raises
    ------
    FewshotLabError
        Where the file is no backup, is damaged, or a newer version wrote it, or the name given is
        taken. Nothing is left behind.
    """
    try:
        with zipfile.ZipFile(file) as archive, _place() as place:
            about = _manifest(archive, file)
            _unpack(archive, about["files"], place, file, progress)
            return _put_into_place(place, about, name)
    except FileNotFoundError as error:
        raise FewshotLabError(f"There is nothing at {error.filename or file}.") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError):
        raise FewshotLabError(f"{file} is not a backup, or only a part of one.") from None


@contextmanager
def _place() -> Iterator[Path]:
    """Yield an empty folder beside the projects, removed at the end, also after a kill."""
    arriving = home() / ARRIVING
    arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
    for lock in arriving.glob("*.lock"):
        if fcntl is not None:
            with suppress(OSError, Unavailable), lock.open() as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its process has died
                _clear_leftovers(lock.with_suffix(""), handle.read())
                lock.unlink()
    place = arriving / uuid4().hex
    lock = place.with_suffix(".lock")
    with lock.open("w") as handle:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            lock.unlink(missing_ok=True)
            with suppress(OSError):  # another one is at work
                arriving.rmdir()


def _clear_leftovers(place: Path, schema: str) -> None:
    """Remove what a killed restore unpacked, and the schema that it had filled."""
    if not place.exists():  # it stands among the projects
        return
    if schema and (url := server_url()):
        try:
            with closing(Store.open(url, schema)) as store:
                store.drop()
        except Unavailable:
            raise
        except FewshotLabError:  # it was not there yet
            pass
    shutil.rmtree(place, ignore_errors=True)


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    try:
        about = json.loads(archive.read(MANIFEST))
        version = about["format"]
        if version != FORMAT:
            raise FewshotLabError(
                f"{file} was written by a newer version of Fewshot Lab: update it to restore this."
            )
        files = {str(path): (int(n), str(digest)) for path, (n, digest) in about["files"].items()}
        folder, called, position = str(about["folder"]), str(about["name"]), int(about["position"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise FewshotLabError(f"{file} is not a backup of a project.") from None
    if DATABASE not in files:
        raise FewshotLabError(f"{file} is not a backup of a project: its database is missing.")
    return {"files": files, "folder": folder, "name": called, "position": position}


def _unpack(
    archive: zipfile.ZipFile,
    files: dict[str, tuple[int, str]],
    place: Path,
    file: Path,
    progress: Progress,
) -> None:
    needed, free = sum(size for size, _ in files.values()), shutil.disk_usage(place).free
    if needed > free - 2**28:
        raise FewshotLabError(
            f"The project takes {needed / 2**30:.1f} GiB but only {free / 2**30:.1f} GiB are free."
        )
    for number, (name, (size, digest)) in enumerate(files.items()):
        progress("checking", number, len(files))
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise FewshotLabError(
                f"{file} is not a backup: a path in it leads outside the project."
            )
        target = place.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(name) as source, target.open("wb") as out:
                checksum = hashlib.sha256()
                left = size
                while left >= 0 and (block := source.read(BLOCK)):
                    checksum.update(block)
                    left -= len(block)
                    out.write(block)
            whole = left == 0 and checksum.hexdigest() == digest
        except OSError:
            raise
        except Exception:  # zipfile and zlib raise many things on damaged archives
            whole = False
        if not whole:
            raise FewshotLabError(
                f"{file} is damaged: {name} is not what was written. Use another backup."
            )
    progress("checking", len(files), len(files))


def _put_into_place(place: Path, about: dict[str, Any], name: str | None) -> RestoreReport:
    rows = place / DATABASE
    marker = read_json(place / MARKER) or {}
    for folder in _free_folders(about["name"], name):
        # A UUID of its own: its schema on a server must be nobody else's, who may still be there.
        marker |= {"name": folder.name, "id": uuid4().hex}
        write_json(place / MARKER, marker)
        _follow(rows, Path(about["folder"]), folder)
        _check(rows, about["position"])
        store = None
        if server_url() is not None:
            url, schema = database(folder, marker["id"])
            place.with_suffix(".lock").write_text(str(schema))  # for whoever clears up after a kill
            store = Store.copy(rows, url, schema)
            rows.rename(rows.with_name(f"{rows.name}.arrived"))
        if hasattr(os, "sync"):
            os.sync()
        try:
            place.rename(folder)
        except OSError:
            if store is not None:
                store.drop()
                rows.with_name(f"{rows.name}.arrived").rename(rows)
            if name is not None or not folder.exists():
                raise
            about = about | {"folder": str(folder)}
            continue  # somebody has just made a project of this name
        finally:
            if store is not None:
                store.close()
        (folder / f"{DATABASE}.arrived").unlink(missing_ok=True)
        return _report(folder)
    raise AssertionError("there is always another number")


def _free_folders(called: str, name: str | None) -> Iterator[Path]:
    first = folder_of(name if name is not None else called, None)
    if not first.exists():
        yield first
    elif name is not None:
        raise FewshotLabError(f"There is already a project named {name!r}.")
    for number in count(2):
        other = folder_of(f"{called[:58].rstrip(' .')}-{number}", None)
        if not other.exists():
            yield other


def _follow(rows: Path, old: Path, new: Path) -> None:
    """Let rows that name files in the old folder name those in the new one."""
    before = f"{old}{os.sep}"
    with closing(sqlite3.connect(rows)) as connection:
        for column, start in (("file", ""), ("source", f"{new}{os.sep}")):
            connection.execute(
                f"UPDATE files SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                (start, len(before) + 1, len(before), before),
            )
        connection.commit()


def _check(rows: Path, position: int) -> None:
    with closing(sqlite3.connect(rows)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with closing(Store.open(rows)) as store:
        sound = sound and store.position() == position
    if not sound:
        raise FewshotLabError("The database of this backup is damaged. Use another backup.")


def _report(folder: Path) -> RestoreReport:
    with Project.open(folder) as project:
        project.store.note("restored", name=folder.name)
        away = sum(not pixel_file(item.file).exists() for item in project.items())
        return RestoreReport(
            folder.name, folder, len(project.store.ids()), project.store.position(), away
        )
