"""Files of scanners as they are often kept: packed with gzip (``.dcm.gz``, ``.nii.gz``)."""

import gzip
import io
import zlib
from pathlib import Path

from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.unreadable import first_bytes

GZIP = b"\x1f\x8b"
MOST = 4 * 2**30
"""Bytes that one may unpack to."""


def is_gzip(path: Path) -> bool:
    """Say whether a file is packed, by its first bytes."""
    return first_bytes(path, len(GZIP)) == GZIP


def unpacked_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a packed file's content; as many as there are."""
    try:
        with gzip.open(path) as stream:
            return stream.read(size)
    except (OSError, EOFError, zlib.error):
        return b""


def unpacked(path: Path) -> io.BytesIO:
    """Unpack a file into memory.

    Raises
    ------
    UnreadableImage
        Where it is damaged, or unpacks to more than 4 GiB.
    """
    content = io.BytesIO()
    try:
        with gzip.open(path) as stream:
            while block := stream.read(1 << 22):
                content.write(block)
                if content.tell() > MOST:
                    raise UnreadableImage("It would unpack to more than 4 GiB.")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UnreadableImage("The packed file is truncated or damaged (gzip).") from None
    content.seek(0)
    return content
