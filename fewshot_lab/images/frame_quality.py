"""Frames that show nothing: black ones, and those that are blurred as their clip usually is not."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, TILE = 512, 16
DARK = 24
"""Of 255: a frame whose brightest twentieth begins below it is black."""
PLAIN = 2.0
"""Standard deviation of grey values below which a frame shows one colour."""
BLURRED = 0.11
"""Of the sharpness that frames of the clip usually have; chosen by benchmarks/blurred_frames.py."""
FINE, MIDDLE, COARSE = 0.7, 1.4, 2.8
"""Gaussian blurs in pixels: what lies between two of them is a band of details."""
PLAIN_TILE = 1.0
"""Variance of a tile's coarser details below which it is noise."""


def grey_of(picture: Image.Image) -> NDArray[np.float32]:
    """Return a picture's grey values, its longer side at most so long."""
    grey = picture.convert("L")
    if max(grey.size) > SIDE:
        grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(grey, np.float32)


def sharpness(grey: NDArray[np.float32]) -> float:
    """Return how sharp the lit parts of a picture usually are.

    The variance of the Laplacian (Pech-Pacheco et al. 2000, ICPR 3, 314), times the square of how
    much fine detail there is beside coarser: the first alone takes a plain view for a blurred one.
    Of each the third quartile of tiles of 16 x 16: text drawn over a blurred frame is sharp, but
    fills few tiles.
    """
    from scipy import ndimage

    side = min(TILE, *grey.shape)
    rows, columns = grey.shape[0] // side, grey.shape[1] // side

    def tiles(values: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = values[: rows * side, : columns * side].reshape(rows, side, columns, side)
        return whole.swapaxes(1, 2).reshape(rows * columns, side * side)

    lit = tiles(grey).mean(axis=1) >= DARK
    if not lit.any():
        return 0.0
    fine, middle, coarse = (ndimage.gaussian_filter(grey, s) for s in (FINE, MIDDLE, COARSE))
    edges, details, larger = (
        tiles(band)[lit].var(axis=1)
        for band in (ndimage.laplace(grey), fine - middle, middle - coarse)
    )
    share = np.percentile(details / np.maximum(larger, PLAIN_TILE), 75)
    return float(np.percentile(edges, 75) * share**2)


def usual_sharpness(pictures: Iterable[Image.Image]) -> float:
    """Return the median sharpness of a clip's frames that are not black; 0 where all are."""
    values = [sharpness(grey) for p in pictures if not is_black(grey := grey_of(p))]
    return float(np.median(values)) if values else 0.0


def is_black(grey: NDArray[np.float32]) -> bool:
    """Say whether a frame is black, or of one colour."""
    return bool(np.percentile(grey, 95) < DARK or grey.std() < PLAIN)


def why_poor(picture: Image.Image, usual: float) -> str | None:
    """Say what is wrong with a frame: "black", "blurred" or nothing.

    Parameters
    ----------
    picture : PIL.Image.Image
    usual : float
        The clip's :func:`usual_sharpness`.
    """
    grey = grey_of(picture)
    if is_black(grey):
        return "black"
    return "blurred" if sharpness(grey) < BLURRED * usual else None
