"""BMPs of a layout that Pillow does not know: any colour masks, palettes of 2 bits."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.pillow_decoder import refuse_too_large

_RGB, _BITFIELDS, _ALPHABITFIELDS = 0, 3, 6


def is_odd_bitmap(head: bytes) -> bool:
    """Say whether a file's first bytes are those of a BMP that :func:`read_bitmap` may read."""
    return head.startswith(b"BM") and len(head) >= 54 and _layout(head) is not None


def read_bitmap(path: Path) -> Image.Image:
    """Read such a BMP as 8-bit RGB.

    Raises
    ------
    UnreadableImage
    """
    data = path.read_bytes()
    layout = _layout(data)
    assert layout is not None
    bits, _ = layout
    start, header, width, height = struct.unpack("<10xIIii", data[:26])
    top_down, height = height < 0, abs(height)
    refuse_too_large(width, height)
    stride = (width * bits + 31) // 32 * 4
    if start + stride * height > len(data):
        raise UnreadableImage("The file is truncated: the end of the picture is missing.")
    rows = np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)
    if bits == 2:
        values = np.stack([rows >> shift & 3 for shift in (6, 4, 2, 0)], -1).reshape(height, -1)
        colours = min(struct.unpack("<I", data[46:50])[0] or 4, 4)
        palette = np.zeros((4, 3), np.uint8)
        entries = np.frombuffer(data, np.uint8, 4 * colours, 14 + header).reshape(-1, 4)
        palette[:colours] = entries[:, 2::-1]
        rgb = palette[values[:, :width]]
    else:
        words = rows.view("<u2" if bits == 16 else "<u4")[:, :width].astype(np.uint32)
        masks = struct.unpack("<3I", data[54:66])
        rgb = np.stack([_channel(words, mask) for mask in masks], -1)
    return Image.fromarray(np.ascontiguousarray(rgb if top_down else rgb[::-1]))


def _layout(data: bytes) -> tuple[int, int] | None:
    header, bits, compression = struct.unpack("<14xI10xHI", data[:34])
    masked = compression in (_BITFIELDS, _ALPHABITFIELDS) and bits in (16, 32) and len(data) >= 66
    paletted = compression == _RGB and bits == 2
    return (bits, compression) if header >= 40 and (masked or paletted) else None


def _channel(words: np.ndarray, mask: int) -> np.ndarray:
    """Take one colour out of packed words and scale it to 0..255."""
    if not mask:
        return np.zeros(words.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    values = (words & mask) >> shift
    return np.asarray(np.rint(values * (255 / (mask >> shift))).astype(np.uint8))
