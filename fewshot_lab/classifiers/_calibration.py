"""Making probabilities mean what they say: one temperature from out-of-fold scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]

LOWEST, HIGHEST = 0.02, 50.0


def log_loss(scores: Float, y: NDArray[np.int64], weights: Float, temperature: float) -> float:
    """Return the weighted mean cross-entropy of ``softmax(scores / temperature)``."""
    S = np.ascontiguousarray(scores.T) / np.float32(temperature)
    S -= S.max(axis=0)
    own = S[y, np.arange(len(y))]
    return float(np.average(np.log(np.exp(S, out=S).sum(axis=0)) - own, weights=weights))


def fit_temperature(
    scores: Float, y: NDArray[np.int64], weights: Float, *, prior: float = 4.0, guess: float = 1.0
) -> float:
    """Return the temperature with the least weighted log loss (Guo et al. 2017, ICML).

    Parameters
    ----------
    scores : array (m, K)
        Out-of-fold scores.
    y : array (m,)
        Class index of each.
    weights : array (m,)
    prior : float
        How many images' worth of belief in ``guess``: with few labels the temperature stays
        near it.
    guess : float

    Returns
    -------
    float
        ``guess`` where there is no score at all.
    """
    if not len(y):
        return guess
    S = np.ascontiguousarray(scores.T, dtype=np.float64)
    S -= S.max(axis=0)
    own = S[y, np.arange(len(y))]
    inverse, believed = 1 / guess, float(np.log(guess))
    lowest, highest = 1 / HIGHEST, 1 / LOWEST
    # The loss is convex in u = 1 / T; Newton's method on log u, the belief added, kept in a
    # bracket that every step narrows.
    for _ in range(25):
        E = np.exp(inverse * S)
        E /= E.sum(axis=0)
        mean = np.einsum("kn,kn->n", E, S)
        spread = np.maximum(np.einsum("kn,kn->n", E, S * S) - mean**2, 0)
        slope = inverse * float(weights @ (mean - own))
        bend = inverse**2 * float(weights @ spread)
        off = np.log(inverse) + believed
        slope += prior * off
        bend += prior
        if slope > 0:
            highest = inverse
        else:
            lowest = inverse
        if abs(slope) < 1e-3 * bend:
            break
        # The curvature of the loss in log u, without the part that may be negative.
        proposal = inverse * float(np.exp(np.clip(-slope / bend, -1.5, 1.5)))
        inverse = proposal if lowest < proposal < highest else float(np.sqrt(lowest * highest))
    return float(1 / inverse)
