"""From which cosine on two images count as nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.95, 0.99
"""Between these the threshold is set by the pool itself."""
SPREADS = 3.0
STANDS_OUT, ALIKE = 0.4, 0.9
FEWEST = 20
"""Images from which on it can be told what is usual among them."""


@dataclass(frozen=True)
class NearThreshold:
    """A cosine of centred embeddings, and where it comes from.

    Attributes
    ----------
    value : float
        From it on two images are a near-duplicate pair.
    sentence : str
        Why it is what it is.
    """

    value: float
    sentence: str


def near_threshold(nearest: NDArray[np.floating]) -> NearThreshold:
    """Return the threshold that a pool's own nearest neighbours suggest.

    Backbones differ in how close they put images that are alike, so no one number fits all. What
    is typical is read from the pool: of each image's distance to its nearest neighbour (1 -
    cosine), the logarithm has a bulk with a median and a spread (1.4826 times the median absolute
    deviation: Rousseeuw and Croux 1993, JASA 88). Nearer than three spreads below the median is
    not alike but nearly the same. Where a pool is made of copies the bulk itself is, and where
    it is varied everything is far: so never above 0.99 nor below 0.95, between which lie
    re-saved, brightened, slightly shifted or scaled copies of an image.

    Parameters
    ----------
    nearest : array (n,)
        Cosine of each image to its nearest neighbour.
    """
    if len(nearest) < FEWEST:
        return NearThreshold(
            HIGHEST, f"{HIGHEST:.2f}: too few images to tell what is usual among them."
        )
    distance = np.log(np.clip(1 - nearest.astype(np.float64), 1e-6, None))
    middle = float(np.median(distance))
    spread = 1.4826 * float(np.median(np.abs(distance - middle)))
    asked = 1 - np.exp(middle - SPREADS * spread)
    value = float(np.clip(asked, LOWEST, HIGHEST))
    usual = f"an image's nearest neighbour here usually has {float(np.median(nearest)):.2f}"
    why = (
        f"{usual}, and three spreads closer would be {asked:.3f}, kept within "
        f"{LOWEST:.2f} and {HIGHEST:.2f}"
        if value != asked
        else f"{usual}; this is three spreads closer than that"
    )
    below = (
        "Below it two images are joined, too, that are each other's nearest and "
        f"{1 / STANDS_OUT:.1f} times as near as any third"
    )
    return NearThreshold(value, f"{value:.3f}: {why}. {below}.")


def standing_out(
    similarity: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return pairs far more alike than either is to a third image.

    Copies that a threshold for the whole pool misses: two images, each the other's nearest, at
    less than :data:`STANDS_OUT` of the distance at which either has a third (the test of Lowe
    2004, IJCV 60, on whole images), and with a cosine of :data:`ALIKE` at least.

    Parameters
    ----------
    similarity, rows : array (n, 2 or more)
        Of each image to the others, the most similar first.

    Returns
    -------
    pairs : array (p, 2) of int
        The smaller row first; none among fewer than 20 images.
    cosines : array (p,)
    """
    n = len(rows)
    if n < FEWEST:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    distance, other = 1 - similarity, rows[:, 0]
    third = np.minimum(distance[:, 1], distance[other, 1])
    found = (rows[other, 0] == np.arange(n)) & (np.arange(n) < other) & (other >= 0)
    found &= (distance[:, 0] < STANDS_OUT * third) & (similarity[:, 0] >= ALIKE)
    a = np.flatnonzero(found)
    return np.stack([a, other[a]], axis=1), similarity[a, 0]
