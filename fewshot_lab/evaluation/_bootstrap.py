"""Intervals for figures that rest on a test set and on several draws of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000


class Resamples:
    """Hierarchical bootstrap: draws of labels, and within them the groups of the test set.

    The same resamples serve every classifier and backbone, so that differences are paired. Images
    of a group (a patient) come and go together (Efron & Tibshirani 1993, chapter 8).

    Parameters
    ----------
    y : array (m,)
        True classes of the test images, 0 to K - 1, each at least once.
    groups : array (m,), optional
        Patient of each; without it each image is a group of its own.
    draws : int
    """

    def __init__(
        self,
        y: NDArray[np.int64],
        groups: NDArray[Any] | None,
        draws: int,
        *,
        replicates: int = REPLICATES,
        seed: int = 0,
    ) -> None:
        random = np.random.default_rng(seed)
        self._y = y
        self._k = int(y.max()) + 1
        if groups is None:
            # Within classes, so that none is empty in a replicate.
            self._weights = np.zeros((replicates, len(y)), np.float32)
            for k in range(self._k):
                rows = np.flatnonzero(y == k)
                share = np.full(len(rows), 1 / len(rows))
                self._weights[:, rows] = random.multinomial(len(rows), share, replicates)
        else:
            _, code = np.unique(groups, return_inverse=True)
            count = int(code.max()) + 1
            drawn = random.multinomial(count, np.full(count, 1 / count), replicates)
            self._weights = drawn[:, code].astype(np.float32)
        self._draws = random.multinomial(draws, np.full(draws, 1 / draws), replicates) / draws

        # Few groups vary less among themselves than the patients they stand for; the factor by
        # which Student's interval of their mean is wider than the normal one makes up for it.
        from scipy.stats import norm, t

        units = len(set(groups)) if groups is not None else int(np.bincount(y).min())
        units = max(2, units)
        self._widen = float(
            t.ppf(0.975, units - 1) / norm.ppf(0.975) * np.sqrt(units / (units - 1))
        )

    def balanced_accuracy(self, correct: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the replicates (B,) of the balanced accuracy, mean over draws.

        Parameters
        ----------
        correct : array (draws, m)
        """
        recalls = []
        for k in range(self._k):
            rows = self._y == k
            weights = self._weights[:, rows]
            total = weights.sum(axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):
                recalls.append(weights @ correct[:, rows].T.astype(np.float32) / total)
        by_draw = np.nanmean(np.stack(recalls), axis=0)
        means: NDArray[np.float64] = (by_draw * self._draws).sum(axis=1)
        middle = means.mean()
        wider: NDArray[np.float64] = np.clip(middle + self._widen * (means - middle), 0.0, 1.0)
        return wider

    def over_draws(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the replicates (B,) of the mean of a figure (draws,) over the draws alone."""
        means: NDArray[np.float64] = self._draws @ values
        return means


def percentile(value: float, replicates: NDArray[np.float64]) -> dict[str, float]:
    """Return a value with the 2.5 and 97.5 percentiles of its replicates."""
    low, high = np.percentile(replicates, [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}
