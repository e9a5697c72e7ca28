"""Pyramids in TIFF that OpenSlide does not read: OME-TIFF with SubIFDs, unusual compression."""

import logging
import re
import weakref
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from fewshot_lab.images.errors import UnreadableImage

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what matters is raised and listed

BLANK = 255
_UNITS = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}


def has_own_levels(path: Path) -> bool:
    """Say whether a file is an OME-TIFF or keeps its levels in SubIFDs."""
    return _says(path, lambda tiff: bool(tiff.is_ome or tiff.pages.first.subifds))


def _says(path: Path, what: Callable[[Any], bool]) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            return what(tiff)
    except Exception:  # not TIFF, or damaged: whoever reads it says so
        return False


class PyramidTiff:
    """A TIFF in tiles, with the levels that it has; pieces are read when they are needed.

    Attributes
    ----------
    sizes : list of (width, height)
    mpp : float or None

    Raises
    ------
    UnreadableImage
        Where it is damaged, or holds other than RGB or grey of 8 bit.
    """

    def __init__(self, path: Path):
        import tifffile

        try:
            with tifffile.TiffFile(path) as tiff:
                series = tiff.series[0]
                self._pages = [level.keyframe for level in series.levels]
                self.mpp = _mpp(tiff)
                first = self._pages[0]
                if first.samplesperpixel not in (1, 3, 4) or first.dtype != np.uint8:
                    raise UnreadableImage(
                        f"The slide has {first.samplesperpixel} channels of kind {first.dtype}; "
                        "export it as RGB of 8 bit."
                    )
                if len(series.shape) > 2 + (first.samplesperpixel > 1):
                    raise UnreadableImage(
                        "The slide has several channels or planes; export it as RGB of 8 bit."
                    )
                for page in self._pages:
                    page.aspage()
        except UnreadableImage:
            raise
        except Exception as error:  # the reader raises nearly anything on damaged files
            raise UnreadableImage("The slide is damaged or its end is missing.") from error
        size = path.stat().st_size
        for page in self._pages:
            ends = np.add(page.dataoffsets, page.databytecounts)
            if ends.max(initial=0) > size:
                raise UnreadableImage("The slide's end is missing: it was cut short.")
        self.sizes = [(page.imagewidth, page.imagelength) for page in self._pages]
        self._stream, self._lock = path.open("rb"), Lock()
        weakref.finalize(self, self._stream.close)
        self._piece = lru_cache(64)(self._decode)

    @staticmethod
    def suits(path: Path) -> bool:
        """Say whether a file is a TIFF in tiles."""
        return _says(path, lambda tiff: bool(tiff.pages.first.is_tiled))

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        """Return pixels of a level, from a place in its own pixels; white beyond the slide."""
        page = self._pages[level]
        high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else page.chunks[:2]
        across = -(-page.imagewidth // wide)
        out = np.full((height, width, 3), BLANK, np.uint8)
        x1, y1 = min(x + width, page.imagewidth), min(y + height, page.imagelength)
        for row in range(max(y, 0) // high, -(-max(y1, 0) // high)):
            for column in range(max(x, 0) // wide, -(-max(x1, 0) // wide)):
                left, top = column * wide, row * high
                piece = self._piece(level, row * across + column)
                a, b = max(x, left), min(x1, left + piece.shape[1])
                c, d = max(y, top), min(y1, top + piece.shape[0])
                if a < b and c < d:
                    out[c - y : d - y, a - x : b - x] = piece[
                        c - top : d - top, a - left : b - left
                    ]
        return Image.fromarray(out)

    def _decode(self, level: int, index: int) -> np.ndarray:
        page: Any = self._pages[level]
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        try:
            data = self._bytes(offset, count) if count else None
            piece = page.decode(data, index, jpegtables=page.jpegtables)[0]
        except Exception as error:
            raise UnreadableImage("The slide is damaged in this place.") from error
        if piece is None:  # a piece that was left out: nothing was scanned there
            return np.full((page.tilelength, page.tilewidth, 3), BLANK, np.uint8)
        piece = piece.reshape(piece.shape[-3:])
        return np.asarray(piece.repeat(3, axis=-1) if piece.shape[-1] == 1 else piece[..., :3])

    def _bytes(self, offset: int, count: int) -> bytes:
        with self._lock:
            self._stream.seek(offset)
            return self._stream.read(count)


def _mpp(tiff: Any) -> float | None:
    """Return micrometres per pixel, as OME says or the resolution tags do."""
    if tiff.is_ome:
        pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", tiff.ome_metadata or "")
        text = pixels.group() if pixels else ""
        size = re.search(r'PhysicalSizeX="([^"]+)"', text)
        unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', text)
        factor = _UNITS.get(unit.group(1) if unit else "µm")
        value = float(size.group(1)) * factor if size and factor else 0.0
    else:
        page = tiff.pages.first
        inch = {2: 25_400.0, 3: 10_000.0}.get(int(page.tags.valueof(296, 0) or 0))
        top, bottom = page.tags.valueof(282, (0, 1))
        value = inch * bottom / top if inch and top else 0.0
    # 72 or 96 dots per inch say nothing of the microscope.
    return value if 0.01 <= value <= 100 else None
