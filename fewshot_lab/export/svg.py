"""Small static charts as SVG: they print, and need no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ACCENT, FAINT, GREY, LINE, INK = "#0f766e", "#cfe6e2", "#66727a", "#e4e6e3", "#1d2529"
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34


class Axes:
    """A frame with two linear axes.

    Parameters
    ----------
    x, y : (low, high)
    labels : (str, str)
        Under and beside the axes.
    percent : (bool, bool)
        Whether the ticks are shares.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        labels: tuple[str, str],
        *,
        percent: tuple[bool, bool] = (True, True),
        size: tuple[int, int] = (430, 230),
    ) -> None:
        self.x, self.y, self.size = x, y, size
        self._parts: list[str] = []
        width, height = size
        for value in ticks(*y):
            at = self.py(value)
            self._parts.append(
                f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" '
                f'stroke="{LINE}"/>' + _text(LEFT - 6, at + 3.5, _tick(value, percent[1]), "end")
            )
        for value in ticks(*x):
            text = _tick(value, percent[0])
            self._parts.append(_text(self.px(value), height - BOTTOM + 14, text, "middle"))
        middle = (LEFT + width - RIGHT) / 2
        self._parts.append(_text(middle, height - 4, labels[0], "middle"))
        centre = (TOP + height - BOTTOM) / 2
        self._parts.append(
            f'<g transform="translate(11 {centre:.1f}) rotate(-90)">'
            f"{_text(0, 0, labels[1], 'middle')}</g>"
        )

    def px(self, value: float) -> float:
        """Return the x coordinate of a value."""
        low, high = self.x
        share = (value - low) / ((high - low) or 1)
        return LEFT + min(max(share, 0.0), 1.0) * (self.size[0] - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Return the y coordinate of a value."""
        low, high = self.y
        share = (value - low) / ((high - low) or 1)
        return self.size[1] - BOTTOM - min(max(share, 0.0), 1.0) * (self.size[1] - TOP - BOTTOM)

    def line(
        self,
        x: Sequence[float],
        y: Sequence[float],
        *,
        colour: str = ACCENT,
        width: float = 1.8,
        dash: str = "",
    ) -> None:
        """Draw a line."""
        points = " ".join(f"{self.px(a):.1f},{self.py(b):.1f}" for a, b in zip(x, y, strict=True))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"{dashed}/>'
        )

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Draw an interval along a line."""
        corners = [*zip(x, high, strict=True), *reversed(list(zip(x, low, strict=True)))]
        points = " ".join(f"{self.px(a):.1f},{self.py(b):.1f}" for a, b in corners)
        self._parts.append(f'<polygon points="{points}" fill="{FAINT}"/>')

    def point(self, x: float, y: float, low: float, high: float) -> None:
        """Draw a point with its interval."""
        at = self.px(x)
        self._parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{self.py(low):.1f}" y2="{self.py(high):.1f}" '
            f'stroke="{ACCENT}"/><circle cx="{at:.1f}" cy="{self.py(y):.1f}" r="3" '
            f'fill="{ACCENT}"/>'
        )

    def note(self, x: float, y: float, words: str, *, anchor: str = "start") -> None:
        """Write a few words at a place."""
        self._parts.append(_text(self.px(x), self.py(y) - 4, words, anchor))

    def svg(self, title: str) -> str:
        """Return the chart as an SVG element."""
        width, height = self.size
        return (
            f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
            f'xmlns="http://www.w3.org/2000/svg">{"".join(self._parts)}</svg>'
        )


def span(value: float, low: float, high: float, *, mark: float | None = None) -> str:
    """Return a share with its interval as a range on a line from 0 to 1."""
    extra = (
        ""
        if mark is None
        else f'<line x1="{mark * 120:.1f}" x2="{mark * 120:.1f}" y1="1" y2="13" stroke="{GREY}"/>'
    )
    return (
        '<svg class="span" viewBox="0 0 120 14" xmlns="http://www.w3.org/2000/svg">'
        f'<line x1="0" x2="120" y1="7" y2="7" stroke="{LINE}"/>{extra}'
        f'<rect x="{low * 120:.1f}" y="5" width="{max((high - low) * 120, 1):.1f}" height="4" '
        f'rx="2" fill="{ACCENT}" opacity="0.35"/>'
        f'<rect x="{value * 120 - 1.5:.1f}" y="2" width="3" height="10" rx="1.5" '
        f'fill="{ACCENT}"/></svg>'
    )


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from low to high."""
    import math

    wide = (high - low) or 1.0
    rough = wide / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(value: float, percent: bool) -> str:
    return f"{100 * value:g} %" if percent else f"{value:,.5g}"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="10" '
        f'fill="{GREY}">{escape(words)}</text>'
    )
