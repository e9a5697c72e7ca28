"""How often intervals held the truth, and how well that many trials measure it."""

from collections.abc import Mapping

import numpy as np

SEEDS = (101, 102, 103)
"""Nothing was ever tuned on them: whoever changes an interval tries it on others."""


def check(rates: Mapping[str, float], trials: float, low: float = 0.92, high: float = 0.98) -> None:
    """Assert that rates lie within bounds, by as much as so many trials can tell (two SE)."""
    low -= 2 * np.sqrt(low * (1 - low) / trials)
    high += 2 * np.sqrt(high * (1 - high) / trials)
    assert all(low <= rate <= high for rate in rates.values()), (low, high, rates)
