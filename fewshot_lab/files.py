"""Files: written so that nobody ever meets half of one, and JSON as others read it."""

import errno
import io
import json
import math
import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, TypeVarTuple
from uuid import uuid4

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def write_atomically(path: Path, data: bytes | memoryview, *, lasting: bool = True) -> None:
    """Write beside, fsync, rename: readers see the old file or the new one.

    Parameters
    ----------
    path, data
    lasting
        Wait until it is on the disk; what is written a few times a second need not.

    Raises
    ------
    OSError
        Where the disk is full or the folder cannot be written; the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:  # of the file that was asked for: nobody knows the one beside it
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):  # on a read-only medium even what is not there
            beside.unlink(missing_ok=True)


def expanded(path: Path | str) -> Path:
    """Return a path with its "~" replaced; one that names nobody here stays as it was typed."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def keep_if_possible(path: Path, data: bytes | memoryview) -> None:
    """Write what can be made again; on a full disk or a read-only medium it is not kept."""
    with suppress(OSError):
        write_atomically(path, data)


def clear_leftovers(folder: Path, pattern: str, is_leftover: Callable[[Path], bool]) -> None:
    """Remove what killed work left beside its result: nothing was written to it for an hour."""
    for left in folder.glob(pattern):
        with suppress(OSError):  # somebody else's
            if left.stat().st_mtime < time.time() - 3600 and is_leftover(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def nearest_existing(path: Path) -> Path:
    """Return a path, or the first folder above it that is there."""
    return next((each for each in (path, *path.parents) if each.exists()), Path(path.anchor))


def while_unchanged(
    maxsize: int,
) -> Callable[[Callable[[Path, *Ts], T]], Callable[[Path, *Ts], T]]:
    """Remember what a function makes of a file or folder until that is another.

    Parameters
    ----------
    maxsize : int
        How many answers are kept, those used last.
    """

    def remembering(make: Callable[[Path, *Ts], T]) -> Callable[[Path, *Ts], T]:
        @lru_cache(maxsize)
        def answer(size: int, changed: int, path: Path, *args: *Ts) -> T:
            return make(path, *args)

        @wraps(make)
        def remembered(path: Path, /, *args: *Ts) -> T:
            status = path.stat()
            return answer(status.st_size, status.st_mtime_ns, path, *args)

        return remembered

    return remembering


def npz_bytes(**arrays: Any) -> bytes:
    """Return arrays as the content of an npz file."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def checksum(file: BinaryIO, length: int = sys.maxsize) -> int:
    """Return the CRC-32 of a file from where it is, of so many bytes or to its end."""
    crc = 0
    while length > 0 and (block := file.read(min(1 << 24, length))):
        crc, length = zlib.crc32(block, crc), length - len(block)
    return crc


def full_disk(error: BaseException) -> str | None:
    """Return the sentence for an error that a full disk made; None for any other."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full ({error.strerror}): make room and start it again; what was "
            "finished until then is kept."
        )
    return None


_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_AWAY = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN)


def disk_sentence(error: BaseException) -> str | None:
    """Return the sentence for an error of the disk, which people can mend; None for any other.

    That is a full disk, a file or folder that may not be used, and a drive that is gone.
    """
    if full := full_disk(error):
        return full
    if not isinstance(error, OSError) or not error.filename:
        return None
    place = os.fsdecode(error.filename)
    if error.errno in _REFUSED:
        return (
            f"{place} cannot be used ({error.strerror}): whoever runs this needs the right to read "
            "and write there."
        )
    if error.errno in _AWAY:
        return (
            f"{place} does not answer ({error.strerror}): look at its disk or network drive, then "
            "do this again."
        )
    return None


def known_fields(kind: type[Any], values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what of stored values a dataclass has fields for: other versions may keep more."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in (values or {}).items() if name in names}


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None where it is missing or is not a JSON object."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, value: Mapping[str, Any], *, lasting: bool = True) -> None:
    """Write a JSON object that a person can read, too; see :func:`write_atomically`."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    write_atomically(path, text.encode(), lasting=lasting)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that every reader takes: null for what is not a finite number.

    What json does not know, such as a path, is given as its text.
    """
    return json.dumps(finite(value), indent=indent, default=str, ensure_ascii=False)


def finite(value: Any) -> Any:
    """Return a value of JSON with None for what is not a finite number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return value
