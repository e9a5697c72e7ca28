"""Colours for classes: told apart at a glance, on light and on dark ground."""

import re
from functools import lru_cache

from fewshot_lab.errors import FewshotLabError

FIRST_EIGHT = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#8C6BB1",
    "#B2A429",
)
"""Okabe and Ito's set for colour-blind readers, its black and yellow replaced."""

_NEAREST = 16.0  # CIE 1976 distance that a further colour keeps from those before it
_LIGHTNESS = (38.0, 74.0)  # CIE; others are lost on a dark or a light ground


def colour_for(position: int) -> str:
    """Return the default colour of the class at a place in the list.

    Parameters
    ----------
    position : int
        Place in the list, from 0. The first eight are :data:`FIRST_EIGHT`; those that follow come
        from colorcet's Glasbey set, without the ones that look like an earlier one or are lost on
        a dark or a light ground.

    Returns
    -------
    str
        ``"#RRGGBB"``.
    """
    if position < len(FIRST_EIGHT):
        return FIRST_EIGHT[position]
    further = _further()
    return further[(position - len(FIRST_EIGHT)) % len(further)]


def check_colour(colour: str) -> str:
    """Return ``colour`` as ``"#RRGGBB"`` in capitals.

    Raises
    ------
    FewshotLabError
        If it is not written as ``#RRGGBB``.
    """
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
        raise FewshotLabError(f"A colour is written as #RRGGBB, not as “{colour[:40]}”.")
    return colour.upper()


@lru_cache(maxsize=1)
def _further() -> tuple[str, ...]:
    import colorcet

    apart = [_lab(colour) for colour in FIRST_EIGHT]
    chosen = []
    for rgb in colorcet.glasbey_bw_minc_20:
        colour = "#" + "".join(f"{round(255 * part):02X}" for part in rgb)
        lab = _lab(colour)
        seen = _LIGHTNESS[0] <= lab[0] <= _LIGHTNESS[1]
        if seen and min(_distance(lab, other) for other in apart) >= _NEAREST:
            chosen.append(colour)
            apart.append(lab)
    return tuple(chosen)


def _distance(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)


def _lab(colour: str) -> tuple[float, float, float]:
    """Turn sRGB into CIE L*a*b* under D65."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = ((v / 12.92) if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
