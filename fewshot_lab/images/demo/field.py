"""The microscope's field: its size, its coordinates, and outlines as signed distances in µm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIDE = 144
"""Width and height of a picture in pixels."""

PIXELS_PER_UM = 6.0
"""Scale: a picture shows 24 µm of the smear."""

WIDTH = SIDE / PIXELS_PER_UM


AXIS = (np.arange(SIDE, dtype=np.float32) + 0.5) / PIXELS_PER_UM - WIDTH / 2
"""Where the pixels lie, in µm from the picture's middle."""

Window = tuple[slice, slice]


def window(x: float, y: float, reach: float) -> Window:
    """Return the rows and columns within ``reach`` µm of a point; may be empty."""

    def around(centre: float) -> slice:
        first = math.floor((centre - reach + WIDTH / 2) * PIXELS_PER_UM)
        last = math.ceil((centre + reach + WIDTH / 2) * PIXELS_PER_UM)
        return slice(min(max(first, 0), SIDE), min(max(last, 0), SIDE))

    return around(y), around(x)


@dataclass(frozen=True)
class Frame:
    """Coordinates (µm) as a cell sees them: its centre at 0, turned by its own angle."""

    x: np.ndarray
    y: np.ndarray

    @classmethod
    def at(cls, where: Window, x: float, y: float, angle: float) -> "Frame":
        """Put the origin at (x, y) µm from the picture's middle and turn the axes."""
        c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        along = AXIS[None, where[1]] - np.float32(x)
        down = AXIS[where[0], None] - np.float32(y)
        return cls(c * along + s * down, c * down - s * along)

    def warped(self, by_x: np.ndarray, by_y: np.ndarray, amount: float) -> "Frame":
        """Bend the coordinates: a circle drawn in the new frame has a natural outline."""
        a = np.float32(amount)
        return Frame(self.x + a * by_x, self.y + a * by_y)


def ellipse(frame: Frame, x: float, y: float, a: float, b: float, angle: float = 0.0) -> np.ndarray:
    """Return the approximate signed distance (negative inside) to an ellipse."""
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    u, v = frame.x - np.float32(x), frame.y - np.float32(y)
    along, across = (c * u + s * v) / np.float32(a), (c * v - s * u) / np.float32(b)
    return (np.sqrt(along * along + across * across) - 1) * np.float32(math.sqrt(a * b))


def ribbon(
    frame: Frame, points: Sequence[tuple[float, float]], radii: Sequence[float]
) -> np.ndarray:
    """Return the signed distance to a line of changing thickness through ``points``."""
    best: np.ndarray | None = None
    for (x0, y0), (x1, y1), r0, r1 in zip(
        points[:-1], points[1:], radii[:-1], radii[1:], strict=True
    ):
        dx, dy = np.float32(x1 - x0), np.float32(y1 - y0)
        u, v = frame.x - np.float32(x0), frame.y - np.float32(y0)
        t = (u * dx + v * dy) / max(dx * dx + dy * dy, np.float32(1e-6))
        np.minimum(np.maximum(t, 0, out=t), 1, out=t)
        u -= t * dx
        v -= t * dy
        d = np.sqrt(u * u + v * v) - (np.float32(r0) + t * np.float32(r1 - r0))
        best = d if best is None else np.minimum(best, d)
    if best is None:
        raise ValueError("a ribbon needs two points")
    return best


def join(first: np.ndarray, second: np.ndarray, softness: float) -> np.ndarray:
    """Unite two outlines with a fillet of about ``softness`` µm."""
    k = np.float32(softness)
    h = np.maximum(k - np.abs(first - second), 0) / k
    return np.asarray(np.minimum(first, second) - h * h * k * np.float32(0.25))


def inside(distance: np.ndarray, edge: float) -> np.ndarray:
    """Return the coverage 0..1 of an outline whose edge is ``edge`` µm wide."""
    t = distance * np.float32(-1 / edge)
    t += np.float32(0.5)
    np.maximum(t, 0, out=t)
    np.minimum(t, 1, out=t)
    return t * t * (3 - 2 * t)
