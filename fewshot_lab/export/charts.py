"""The axes of the report's charts: from values to places in a picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axes:
    """A frame with two linear axes, lengths in pixels.

    Attributes
    ----------
    x, y : (low, high)
        The values at the ends.
    counts : bool
        Whether the ticks are numbers; shares, in percent, else.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    counts: bool = False
    width: int = 430
    height: int = 230
    left: int = 46
    top: int = 10

    @property
    def right(self) -> int:
        """Where the frame ends."""
        return self.width - 12

    @property
    def bottom(self) -> int:
        """Where the frame ends."""
        return self.height - 34

    def px(self, value: float) -> float:
        """Return the x coordinate of a value, kept inside the frame."""
        return _placed(value, self.x, self.left, self.right)

    def py(self, value: float) -> float:
        """Return the y coordinate of a value, kept inside the frame."""
        return _placed(value, self.y, self.bottom, self.top)

    def points(self, x: Sequence[float], y: Sequence[float]) -> str:
        """Return the places of values as SVG lists them."""
        return " ".join(f"{self.px(a)},{self.py(b)}" for a, b in zip(x, y, strict=True))

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Round values and their labels."""
        return [(value, self._label(value)) for value in ticks(*self.x)]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Round values and their labels."""
        return [(value, self._label(value)) for value in ticks(*self.y)]

    def _label(self, value: float) -> str:
        return f"{value:,.5g}" if self.counts else f"{100 * value:g} %"


def _placed(value: float, ends: tuple[float, float], first: int, last: int) -> float:
    share = (value - ends[0]) / ((ends[1] - ends[0]) or 1)
    return round(first + min(max(share, 0.0), 1.0) * (last - first), 1)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from low to high."""
    rough = ((high - low) or 1.0) / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def learning_curve_axes(points: Sequence[Mapping[str, Any]]) -> Axes:
    """Return axes on which labels and balanced accuracies with their intervals have room."""
    accuracies = [point["balanced_accuracy"] for point in points]
    low, high = min(a["low"] for a in accuracies), max(a["high"] for a in accuracies)
    return Axes(
        (0, 1.02 * max(point["labels"] for point in points)),
        (max(0.0, low - 0.03), min(1.0, high + 0.03)),
        counts=True,
        width=760,
        height=260,
    )


def risk_axes(curve: Mapping[str, Any], wanted: float) -> Axes:
    """Return axes for the error over the share decided, with room for the error wanted."""
    return Axes((0, 1), (0, min(1.0, max(3 * wanted, 1.4 * max(curve["error"]), 0.1))))


def reliability_axes(bins: Sequence[Mapping[str, Any]]) -> Axes:
    """Return equal axes for probability and share right."""
    low = max(0.0, min(min(each["confidence"], each["low"]) for each in bins) - 0.05)
    return Axes((low, 1.02), (low, 1.02))
