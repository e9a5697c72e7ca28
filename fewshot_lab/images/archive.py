"""Pictures in a ZIP, which may come from anyone."""

import errno
import os
import shutil
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import checksum
from fewshot_lab.images.candidates import Refused
from fewshot_lab.images.durable_files import DurableFiles
from fewshot_lab.images.file_types import (
    HEAD,
    ending,
    has_picture_suffix,
    head_kind,
    is_noise,
    needs_a_look,
)

MAX_ENTRY = 4 * 2**30
_BOMB_FROM = 100 * 2**20
_BOMB_RATIO = 100


@dataclass
class ArchiveListing:
    """What a ZIP holds: pictures to unpack, what is refused, how much is ignored."""

    entries: list[tuple[str, zipfile.ZipInfo]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def list_archive(archive: zipfile.ZipFile, size: int) -> ArchiveListing:
    """List the pictures of a ZIP by its directory, without unpacking.

    Parameters
    ----------
    archive : zipfile.ZipFile
    size : int
        Of the file, in bytes.
    """
    listing = ArchiveListing()
    if sum(entry.compress_size for entry in archive.infolist()) > size:
        raise FewshotLabError(
            "The ZIP is not valid: its entries overlap, as in a decompression bomb."
        )
    for entry in archive.infolist():
        path = _name(entry)
        parts = path.split("/")
        if entry.is_dir():
            continue
        if reason := _escapes(path):
            listing.refused.append(Refused(path, reason))
        elif any(is_noise(part) for part in parts):
            continue
        elif stat.S_ISLNK(entry.external_attr >> 16):
            listing.refused.append(Refused(path, "This is a symbolic link inside the ZIP."))
        elif not has_picture_suffix(path) and not _sniffed(archive, entry, path):
            listing.ignored[ending(path)] += 1
        elif entry.flag_bits & 1:
            reason = "This entry is encrypted; unpack the ZIP with its password first."
            listing.refused.append(Refused(path, reason))
        elif reason := _bomb(entry):
            listing.refused.append(Refused(path, reason))
        else:
            listing.entries.append((path, entry))
    needed = sum(entry.file_size for _, entry in listing.entries)
    if needed > _BOMB_FROM and needed > _BOMB_RATIO * size:
        raise FewshotLabError(
            f"The ZIP would unpack to {needed // max(size, 1):,} times its size, as a "
            "decompression bomb does."
        )
    listing.entries.sort(key=lambda item: item[0])
    return listing


def _name(entry: zipfile.ZipInfo) -> str:
    name = entry.filename
    if not entry.flag_bits & 0x800:  # many programs write UTF-8 without saying so
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _escapes(path: str) -> str | None:
    if path.startswith("/") or PurePosixPath(path).drive or path[1:2] == ":":
        return "The path is absolute: it would be written outside the project."
    if ".." in path.split("/"):
        return "The path leads out of the ZIP: it would be written outside the project."
    if "\0" in path or any(part in ("", ".") for part in path.split("/")):
        return "The path is not valid."
    return None


def _bomb(entry: zipfile.ZipInfo) -> str | None:
    if entry.file_size > MAX_ENTRY:
        return f"It would unpack to {entry.file_size / 2**30:,.1f} GiB; the limit is 4 GiB."
    if entry.file_size > _BOMB_FROM and entry.file_size > _BOMB_RATIO * entry.compress_size:
        ratio = entry.file_size // max(entry.compress_size, 1)
        return f"It would unpack to {ratio:,} times its size, as a decompression bomb does."
    return None


def _sniffed(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> bool:
    if not needs_a_look(path.split("/")[-1]) or entry.flag_bits & 1:
        return False
    try:
        with archive.open(entry) as stream:
            return head_kind(stream.read(HEAD)) is not None
    except Exception:  # damaged entries without an ending are no pictures as far as one can tell
        return False


def unpack(
    archive: zipfile.ZipFile, listing: ArchiveListing, folder: Path
) -> Iterator[tuple[str, Path] | Refused]:
    """Unpack the listed pictures below a folder, one at a time, as they are asked for.

    A file that is there already with the same bytes stays as it is, so unpacking again is safe
    and an import that was cut off goes on; one with other bytes stays too, and the new one gets a
    name of its own.

    Yields
    ------
    (path, file) or Refused
    """
    needed = sum(entry.file_size for _, entry in listing.entries)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    already = sum(1 for _ in os.scandir(folder)) > 0
    if not already and needed > free - 2**29:
        raise FewshotLabError(
            f"The ZIP unpacks to {needed / 2**30:.1f} GiB but only {free / 2**30:.1f} GiB are free."
        )
    done: list[tuple[str, Path] | Refused] = []
    with DurableFiles(folder) as files:
        for path, entry in listing.entries:
            try:
                done.append((path, _unpack_one(archive, path, entry, folder, files)))
                if files.full:
                    files.settle()
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise FewshotLabError("The disk is full; make room and start again.") from None
                reason = f"It cannot be unpacked: {error.strerror or 'damaged'}."
                done.append(Refused(path, reason))
            except Exception:  # zipfile and zlib raise many things on damaged archives
                reason = "This entry of the ZIP is damaged or its compression unknown."
                done.append(Refused(path, reason))
            if not files:
                yield from done
                done.clear()
        files.settle()
        yield from done


def _unpack_one(
    archive: zipfile.ZipFile, path: str, entry: zipfile.ZipInfo, folder: Path, files: DurableFiles
) -> Path:
    if os.name == "nt":
        path = path.translate(dict.fromkeys(map(ord, '<>:"|?*'), "_"))
    target = folder / path
    if target in files:  # the same name twice in one ZIP
        files.settle()
    if target.exists():
        if _same(target, entry):
            return target
        target = target.with_name(f"{target.stem}~{entry.CRC:08x}{target.suffix}")
        if target in files or (target.exists() and _same(target, entry)):
            return target
    part = files.write(target, entry.file_size)
    try:
        with archive.open(entry) as source, part.open("wb") as out:
            shutil.copyfileobj(source, out, 2**20)
    except BaseException:
        files.drop(target)
        raise
    return target


def _same(file: Path, entry: zipfile.ZipInfo) -> bool:
    if not file.is_file() or file.stat().st_size != entry.file_size:
        return False
    with file.open("rb") as stream:
        return checksum(stream) == entry.CRC
