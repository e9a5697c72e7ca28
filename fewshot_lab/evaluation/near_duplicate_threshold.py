"""From which cosine on two images count as nearly the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.words import percent

LOWEST, HIGHEST = 0.95, 0.99
"""Between these the threshold is set by the pool itself."""
SPREADS = 3.0
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
            HIGHEST, f"{percent(HIGHEST)}: too few images to tell what is usual among them."
        )
    unclipped = closer_than_usual(nearest, SPREADS)
    value = float(np.clip(unclipped, LOWEST, HIGHEST))
    usual = f"an image's nearest neighbour here usually has {percent(float(np.median(nearest)), 1)}"
    why = (
        f"{usual}, and three spreads closer would be {percent(unclipped, 1)}, kept within "
        f"{percent(LOWEST)} and {percent(HIGHEST)}"
        if value != unclipped
        else f"{usual}; this is three spreads closer than that"
    )
    return NearThreshold(value, f"{percent(value, 1)}: {why}.")


def closer_than_usual(nearest: NDArray[np.floating], spreads: float) -> float:
    """Return the cosine that lies so many spreads closer than an image's usual nearest neighbour.

    Parameters
    ----------
    nearest : array (n,)
        Cosine of each image to its nearest neighbour.
    spreads : float
        1.4826 times the median absolute deviation of the logarithm of the distance.
    """
    distance = np.log(np.clip(1 - nearest.astype(np.float64), 1e-6, None))
    middle = float(np.median(distance))
    spread = 1.4826 * float(np.median(np.abs(distance - middle)))
    return float(1 - np.exp(middle - spreads * spread))
