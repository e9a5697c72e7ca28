"""Grey values as a file keeps them, for a window that a person chooses in the browser."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST = 65535


class Window(NamedTuple):
    """Which values are shown from black to white, as DICOM says it (PS3.3 C.11.2.1.2)."""

    centre: float
    width: float
    function: str
    """"LINEAR", "LINEAR_EXACT" or "SIGMOID"."""


def window_over(low: float, high: float, *, whole: bool) -> Window:
    """Return the window that shows the smallest value black and the largest white."""
    if whole:  # a window of whole numbers is as wide as there are values in it
        return Window((low + high + 1) / 2, high - low + 1, "LINEAR")
    return Window((low + high) / 2, max(high - low, 1e-9), "LINEAR_EXACT")


@dataclass(frozen=True)
class GreyValues:
    """One picture's grey values: a pixel p stands for the value ``slope * p + intercept``.

    Attributes
    ----------
    pixels : array (rows, columns) of uint16
    slope, intercept : float
    low, high : float
        The smallest and the largest value.
    unit : str
        "HU" or "".
    inverted : bool
        Whether small values are shown bright.
    windows : sequence of Window
        The file's own; the first one is that of the 8-bit picture.
    blank : array (rows, columns) of bool or None
        Pixels that are no part of the picture, and black in any window.
    """

    pixels: NDArray[np.uint16]
    slope: float
    intercept: float
    low: float
    high: float
    unit: str
    inverted: bool
    windows: Sequence[Window]
    blank: NDArray[np.bool_] | None

    @classmethod
    def of(
        cls,
        values: NDArray[np.number],
        *,
        windows: Sequence[tuple[float, float, str]],
        unit: str = "",
        inverted: bool = False,
        blank: NDArray[np.bool_] | None = None,
    ) -> "GreyValues":
        """Put values into 16 bit: whole numbers as they are, others in steps of their range."""
        low, high = float(values.min()), float(values.max())
        span = high - low
        whole = span <= MOST and bool((values == np.rint(values)).all())
        slope = 1.0 if whole or not span else span / MOST
        pixels = np.rint((values.astype(np.float64) - low) / slope).astype(np.uint16)
        return cls(
            pixels,
            slope,
            low,
            low,
            high,
            unit,
            inverted,
            [Window(*window) for window in windows],
            blank if blank is not None and blank.any() else None,
        )

    def reduced(self, max_side: int) -> "GreyValues":
        """Return the picture with no side above ``max_side``: means of square blocks."""
        factor = math.ceil(max(self.pixels.shape) / max_side)
        if factor == 1:
            return self
        means = Image.fromarray(self.pixels.astype(np.float32)).reduce(factor)
        blank = self.blank
        if blank is not None:
            blank = np.asarray(Image.fromarray(blank.astype(np.uint8) * 255).reduce(factor)) > 127
        pixels = np.rint(np.asarray(means)).astype(np.uint16)
        return GreyValues(**{**vars(self), "pixels": pixels, "blank": blank})

    def upright(self, turn: Image.Transpose | None) -> "GreyValues":
        """Return the picture turned as its file says (EXIF)."""
        if turn is None:
            return self
        turned = Image.fromarray(self.pixels.astype(np.int32)).transpose(turn)
        return GreyValues(**{**vars(self), "pixels": np.asarray(turned).astype(np.uint16)})
