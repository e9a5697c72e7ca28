"""A picture's file without what was written beside the picture: names, places, programs, previews.

The picture itself is not encoded anew. What turns it upright stays.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_ORIENTATION = 274
_JPEG_KEPT = {0xE0, 0xEE}  # JFIF; Adobe's, which says how colours are coded
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def pixels_only(file: Path) -> bytes | None:
    """Return the bytes of a JPEG, PNG or BMP with nothing but the picture in them.

    Returns
    -------
    bytes or None
        None for other files, and for those that are damaged: their pixels can be kept as a PNG.
    """
    data = file.read_bytes()
    try:
        if data.startswith(b"\xff\xd8"):
            parts = _jpeg(data, _turned(data))
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            parts = _png(data, _turned(data))
        else:
            return data if data.startswith(b"BM") else None
        return b"".join(parts)
    except (IndexError, struct.error, ValueError, OSError, SyntaxError):
        return None


def _turned(data: bytes) -> bytes:
    """Return EXIF that says how the picture is turned, and nothing else; empty where it is not."""
    with Image.open(io.BytesIO(data)) as image:
        try:
            turned = image.getexif().get(_ORIENTATION, 1)
        except Exception:  # damaged EXIF: the picture is shown as it lies
            return b""
    if turned not in range(2, 9):
        return b""
    exif = Image.Exif()
    exif[_ORIENTATION] = turned
    return exif.tobytes()


def _jpeg(data: bytes, exif: bytes) -> Iterator[bytes]:
    yield data[:2]
    if exif:
        yield b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker == 0xD9:
            yield data[at : at + 2]
            return  # what follows is no part of the picture
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDA:
            end = _scan_end(data, end)
        if end > len(data):
            raise ValueError("cut off")
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in _JPEG_KEPT:
            yield data[at:end]
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Return where the next marker after coded values is."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes, exif: bytes) -> Iterator[bytes]:
    yield data[:8]
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ValueError("cut off")
        if kind in _PNG_KEPT:
            yield data[at:end]
        if kind == b"IHDR" and exif:
            chunk = b"eXIf" + exif.removeprefix(b"Exif\0\0")
            yield struct.pack(">I", len(chunk) - 4) + chunk
            yield struct.pack(">I", zlib.crc32(chunk))
        if kind == b"IEND":
            return
        at = end
