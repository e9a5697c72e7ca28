"""Pictures in folders."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fewshot_lab.images.candidates import Refused
from fewshot_lab.images.dicomdir import is_dicomdir, listed_files
from fewshot_lab.images.file_types import (
    HEAD,
    ending,
    has_picture_suffix,
    head_kind,
    is_noise,
    needs_a_look,
)
from fewshot_lab.images.unreadable import first_bytes

_SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}


@dataclass
class Listing:
    """The files of a source before they are split into frames."""

    files: list[tuple[str, Path]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def list_folder(folder: Path, report: Callable[[int], None] = lambda n: None) -> Listing:
    """List the pictures below a folder, sorted by path.

    Hidden files and folders and what systems leave behind (Thumbs.db, __MACOSX) are passed over
    in silence; other files that are no pictures by their ending are counted as ignored. Links are
    followed, each folder once, and so is a DICOMDIR.

    Parameters
    ----------
    folder : Path
    report : callable
        Gets the number of pictures so far, after each folder.
    """
    listing = Listing()
    contents: list[Path] = []
    seen: set[tuple[int, int]] = set()

    def cannot_enter(error: OSError) -> None:
        path = shown(os.path.relpath(error.filename, folder))
        reason = "permission denied" if isinstance(error, PermissionError) else error.strerror
        listing.refused.append(Refused(path, f"The folder cannot be opened: {reason}."))

    for where, folders, names in os.walk(folder, onerror=cannot_enter, followlinks=True):
        status = Path(where).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        slides = {ending(n) == ".mrxs" and n[: -len(".mrxs")] for n in names}  # with a folder each
        folders[:] = sorted(name for name in folders if not is_noise(name) and name not in slides)
        for name in sorted(names):
            file = Path(where, name)
            if is_dicomdir(file):
                contents.append(file)
            elif not is_noise(name):
                list_file(listing, shown(os.path.relpath(file, folder)), file)
        report(len(listing.files))
    for file in contents:
        _follow(listing, file, folder)
    return listing


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted within each, but for what systems leave behind."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_noise(name))
        yield from (Path(where, name) for name in sorted(names) if not is_noise(name))


def _follow(listing: Listing, dicomdir: Path, folder: Path) -> None:
    """Add what a DICOMDIR lists and the walk took for no picture; refuse what is not there."""
    known = {file for _, file in listing.files}
    name = shown(os.path.relpath(dicomdir, folder))
    try:
        for listed in listed_files(dicomdir):
            file = _as_spelled(dicomdir.parent, listed)
            if file is None:
                path = shown(os.path.relpath(dicomdir.parent / listed, folder))
                reason = f"It is listed in {name}, but not there."
                listing.refused.append(Refused(path, reason))
            elif file not in known:
                listing.files.append((shown(os.path.relpath(file, folder)), file))
    except ValueError as error:
        listing.refused.append(Refused(name, str(error)))


def _as_spelled(folder: Path, listed: str) -> Path | None:
    """Find a file of a CD, whose names a system may write in small letters."""
    place = folder
    for part in listed.split("/"):
        options = (part, part.lower(), f"{part}.", f"{part};1", f"{part.lower()};1")
        spelled = next((place / name for name in options if (place / name).exists()), None)
        if part in ("", ".", "..") or spelled is None:
            return None
        place = spelled
    return place if place.is_file() else None


def list_file(listing: Listing, path: str, file: Path, *, named: bool = False) -> None:
    """Add one file to a listing: as a picture, as refused, or as ignored.

    `named` says that the user chose this very file: then it is never ignored.
    """
    wanted = has_picture_suffix(file.name) or named
    if not wanted and needs_a_look(file.name):
        with suppress(OSError):
            wanted = head_kind(first_bytes(file, HEAD)) is not None
    if not wanted:
        listing.ignored[ending(file.name)] += 1
    elif "\ufffd" in path and "\ufffd" not in str(file):
        listing.refused.append(Refused(path, "The file's name is not valid UTF-8; rename it."))
    elif file.is_symlink() and not file.exists():
        listing.refused.append(Refused(path, "The link leads nowhere."))
    elif file.exists() and not file.is_file():
        listing.refused.append(Refused(path, "This is not an ordinary file."))
    else:
        listing.files.append((path, file))


def shown(path: str | Path) -> str:
    """Write a path as the project does: "/" between parts, Unicode NFC, valid UTF-8."""
    text = str(path).replace(os.sep, "/")
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def folder_labels(paths: Iterable[str]) -> dict[str, str | None]:
    """Tell each picture's class by its folder.

    The class is the topmost folder that tells pictures apart: a folder around everything (the
    wrapper that most ZIPs have) and folders named train, val or test are passed over. Pictures
    that lie in no folder have none.

    Parameters
    ----------
    paths : iterable of str
        Relative, with "/".

    Returns
    -------
    dict
        Path to class name or None.
    """
    folders = {path: path.split("/")[:-1] for path in paths}
    while (
        folders
        and all(len(parts) > 0 for parts in folders.values())
        and len({parts[0] for parts in folders.values()}) == 1
        and any(len(parts) > 1 for parts in folders.values())
    ):
        folders = {path: parts[1:] for path, parts in folders.items()}
    labels: dict[str, str | None] = {}
    for path, parts in folders.items():
        rest = parts[1:] if parts and parts[0].lower() in _SPLITS else parts
        labels[path] = rest[0] if rest else None
    return labels
