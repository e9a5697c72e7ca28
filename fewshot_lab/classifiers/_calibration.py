"""Making probabilities mean what they say: one temperature from out-of-fold scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_TEMPERATURES = np.exp(np.linspace(np.log(0.05), np.log(20.0), 25))


def log_loss(scores: Float, y: NDArray[np.int64], weights: Float, temperature: float) -> float:
    """Return the weighted mean cross-entropy of ``softmax(scores / temperature)``."""
    s = scores / np.float32(temperature)
    s -= s.max(axis=1, keepdims=True)
    own = s[np.arange(len(y)), y]
    np.exp(s, out=s)
    return float(np.average(np.log(s.sum(axis=1)) - own, weights=weights))


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
    n = float(weights.sum())

    def penalised(log_t: float) -> float:
        fit = n * log_loss(scores, y, weights, float(np.exp(log_t)))
        return fit + 0.5 * prior * (log_t - np.log(guess)) ** 2

    grid = np.log(_TEMPERATURES)
    # Convex in 1/T, so unimodal: bracket on every third point of the grid, then refine.
    coarse = grid[::4]
    values = [penalised(t) for t in coarse]
    best = int(np.argmin(values))
    low, high = coarse[max(best - 1, 0)], coarse[min(best + 1, len(coarse) - 1)]
    golden = (np.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    fa, fb = penalised(a), penalised(b)
    for _ in range(9):
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - golden * (high - low)
            fa = penalised(a)
        else:
            low, a, fa = a, b, fb
            b = low + golden * (high - low)
            fb = penalised(b)
    return float(np.exp((low + high) / 2))
