"""Rules of arithmetic by which a recipe follows from the number of images."""

from __future__ import annotations

import math


def steps_for(epochs: float, n_images: int, batch: int) -> int:
    """Return the steps in which so many images are seen so often."""
    return max(1, round(epochs * max(1.0, n_images / batch)))


def multiple_of(size: int, patch: int) -> int:
    """Return the multiple of the patch that is nearest to a size."""
    return max(1, round(size / patch)) * patch


def power_of_two(n: int) -> int:
    """Return the greatest power of two up to n."""
    return 1 << max(1, n.bit_length() - 1)


def temperature_for(n_images: int) -> float:
    """Return lightly-train's temperature, but at least 0.03.

    Theirs is 0.02 up to 20,000 images, 0.07 from a million on, along the logarithm between.
    """
    low, high = math.log(20_000), math.log(1_000_000)
    along = min(1.0, max(0.0, (math.log(n_images) - low) / (high - low)))
    return round(max(0.03, 0.02 + 0.05 * along), 4)
