"""Grey values of more than 8 bit out of PNG, TIFF and the like.

The window of the 8-bit picture is that of ``eight_bit.to_8bit``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.images import pillow_decoder
from fewshot_lab.images.coded import coded_values
from fewshot_lab.images.grey_values import GreyValues, Window, window_over
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.tiff import read_page
from fewshot_lab.images.tiff_pages import seek_picture

_PHOTOMETRIC, _ORIENTATION = 262, 274
_WHITE_IS_ZERO = 0


def by_pillow(path: Path, frame: int) -> GreyValues | None:
    """Read them with Pillow; None for 8 bit and for colour, which are not decoded."""
    with pillow_decoder.opened(path) as image, memory_for(*image.size):
        inverted = False
        if image.format == "TIFF":
            seek_picture(image, frame)
            tags: Any = image.tag_v2  # type: ignore[attr-defined]
            inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode.startswith("I;16")
        if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
            return None
        image.load()  # which turns some pictures and then says that they are upright
        orientation = image.getexif().get(_ORIENTATION, 1)
        return _grey(np.asarray(image), orientation, inverted=inverted)


def by_tifffile(path: Path, frame: int) -> GreyValues | None:
    """Read them with tifffile; None for 8 bit and for colour."""
    page = read_page(path, frame)
    if page.values.ndim != 2 or page.values.dtype.itemsize < 2 or page.colormap is not None:
        return None
    inverted = getattr(page.photometric, "name", "") == "MINISWHITE"
    return _grey(page.values, page.orientation, inverted=inverted)


def by_codec(path: Path, kind: str) -> GreyValues | None:
    """Read them with imagecodecs; None for 8 bit and for colour."""
    values = coded_values(path, kind)
    if values.ndim != 2 or values.dtype.itemsize < 2:
        return None
    return _grey(values, 1, inverted=False)


def _grey(values: np.ndarray, orientation: int, *, inverted: bool) -> GreyValues:
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    grey = GreyValues.of(values, windows=[_shown(values, low, high)], inverted=inverted)
    return grey.upright(pillow_decoder.TRANSPOSITIONS.get(orientation))


def _shown(values: np.ndarray, low: float, high: float) -> Window:
    """Return what ``eight_bit.to_8bit`` shows from black to white."""
    real = values.dtype.kind == "f"
    if low < 0 or high > 65535:
        return window_over(low, high, whole=not real)
    if real and high <= 1:
        return window_over(0, 1, whole=False)
    top = next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if round(high) < 2**bits)
    return window_over(0, top, whole=True)
