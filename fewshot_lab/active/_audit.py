"""The random share: images drawn by chance alone, which never train the classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def choose_audit(eligible: NDArray[np.bool_], n: int, *, seed: int) -> NDArray[np.int64]:
    """Draw rows uniformly among the eligible ones.

    Parameters
    ----------
    eligible : array (N,) of bool
        Images with no label and not drawn before. What is already labelled cannot be drawn, so
        strictly the estimate is for the rest of the pool: the images that a classifier is for.
    n : int
    seed : int
        Draws with other numbers of images already drawn must use other seeds.

    Returns
    -------
    array (at most n,) of int
    """
    rows = np.flatnonzero(eligible)
    rng = np.random.default_rng(seed)
    return rng.permutation(rows)[:n]
