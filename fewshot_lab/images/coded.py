"""Pictures in codes that Pillow lacks and imagecodecs has: JPEG-LS, JPEG XL, deep JPEG, ..."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_lab.images.eight_bit import to_8bit
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.pillow_decoder import over_white, refuse_too_large
from fewshot_lab.images.unreadable import start_of_frame, why_undecodable, with_reason

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def read_coded(path: Path, kind: str) -> Image.Image:
    """Read a picture of a kind that ``unreadable.coded_kind`` named, as 8-bit RGB.

    Raises
    ------
    UnreadableImage
    """
    values = coded_values(path, kind)
    return over_white(Image.fromarray(np.ascontiguousarray(to_8bit(values))))


def coded_values(path: Path, kind: str) -> np.ndarray:
    """Decode: (rows, columns) or (rows, columns, channels), as deep as they are.

    Raises
    ------
    UnreadableImage
    """
    import imagecodecs

    source = path.read_bytes()
    if source.startswith(b"\xff\xd8") and b"\xff\xd9" not in source:
        # its decoder fills what is missing with grey, and does not say so
        raise UnreadableImage("The file is truncated: the end of the picture is missing.")
    with with_reason(lambda error: why_undecodable(error, b"")):
        width, height = coded_size(source) or (1, 1)
        refuse_too_large(width, height)
        with memory_for(width, height):
            if kind == "JPEG XL":
                values = imagecodecs.jpegxl_decode(source)
                values = values if values.ndim < 4 else values[0]  # of an animation the first
            elif kind == "JPEG-LS":
                values = imagecodecs.jpegls_decode(source)
            else:
                values = imagecodecs.jpeg8_decode(source)
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    channels = 1 if values.ndim == 2 else values.shape[-1]
    if values.ndim not in (2, 3) or channels not in _MODES:
        raise UnreadableImage(f"The {kind} has {channels} channels; export it as grey or RGB.")
    return values


def coded_size(source: bytes) -> tuple[int, int] | None:
    """Read width and height from a JPEG, JPEG-LS, JPEG 2000 or JPEG XL, None where there is none.

    A damaged or malicious one may announce any size; decoders would make room for it.
    """
    if source[:4] == b"\xff\x4f\xff\x51":
        right, bottom, left, top = struct.unpack(">4I", source[8:24])
        return right - left, bottom - top
    if source[:2] == b"\xff\x0a" or source[4:8] == b"JXL ":
        return _jpegxl_size(source)
    at = start_of_frame(source)
    if at is None or at + 9 > len(source):
        return None
    height, width = struct.unpack(">2H", source[at + 5 : at + 9])
    return width, height


def _jpegxl_size(source: bytes) -> tuple[int, int] | None:
    """Read the size header of a JPEG XL codestream (ISO 18181-1, 9.2.1)."""
    at = source.find(b"\xff\x0a", 0, 4096)
    if at < 0:
        return None
    bits, place = int.from_bytes(source[at + 2 : at + 14], "little"), 0

    def take(count: int) -> int:
        nonlocal place
        value = bits >> place & ((1 << count) - 1)
        place += count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    over, under = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * over // under, height
