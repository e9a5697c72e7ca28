"""What a power law is taken to be before a curve was measured."""

import numpy as np
import pytest

from fewshot_lab.stats import fit_power_laws
from fewshot_lab.stats.power_law import EXPONENTS


def test_points_that_tell_nothing_leave_the_exponent_to_its_prior():
    drawn = fit_power_laws(
        np.array([10.0, 20.0, 40.0]), np.full((20_000, 3), 0.8), np.full(3, 1e6)
    ).exponent
    # Log-normal around a square root, on the grid of exponents.
    log = np.log(EXPONENTS)
    weight = np.exp(-0.5 * ((log - np.log(0.5)) / 0.6) ** 2)
    weight /= weight.sum()
    mean = weight @ log
    spread = np.sqrt(weight @ (log - mean) ** 2)
    assert np.log(drawn).mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(20_000))
    assert np.log(drawn).std() == pytest.approx(spread, rel=0.03)
