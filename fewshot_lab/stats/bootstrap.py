"""Intervals for figures that rest on a test set and on several draws of labels."""

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
        return self._over_draws(np.nanmean(np.stack(recalls), axis=0))

    def macro_f1(self, predicted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the replicates (B,) of the macro-F1, mean over draws.

        Parameters
        ----------
        predicted : array (draws, m)
        """
        truth = np.eye(self._k, dtype=np.float32)[self._y]
        have = self._weights @ truth
        by_draw = []
        for row in predicted:
            one_hot = np.eye(self._k, dtype=np.float32)[row]
            right = self._weights @ (one_hot * truth)
            total = have + self._weights @ one_hot
            with np.errstate(invalid="ignore"):
                f1 = np.where(have > 0, np.nan_to_num(2 * right / total), np.nan)
            by_draw.append(np.nanmean(f1, axis=1))
        return self._over_draws(np.stack(by_draw, axis=1))

    def auroc(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the replicates (B,) of the mean AUROC, each class against the others.

        Linear in the weights: each image counts with its placement among those of the other side
        (DeLong et al. 1988, Biometrics 44), so that no replicate needs ranking anew.

        Parameters
        ----------
        probabilities : array (draws, m, K)
        """
        by_draw = []
        for p in probabilities:
            of_class = []
            for k in range(self._k):
                own = self._y == k
                if not own.any() or own.all():
                    continue
                place = np.empty(len(own), dtype=np.float32)
                place[own] = _placement(p[own, k], p[~own, k])
                place[~own] = 1 - _placement(p[~own, k], p[own, k])
                with np.errstate(invalid="ignore"):
                    positive, negative = (
                        self._weights[:, side] @ place[side] / self._weights[:, side].sum(axis=1)
                        for side in (own, ~own)
                    )
                of_class.append(positive + negative - place[own].mean())
            by_draw.append(np.nanmean(np.stack(of_class), axis=0))
        return self._over_draws(np.stack(by_draw, axis=1))

    def calibration_error(
        self, probabilities: NDArray[np.float64], bins: int, value: float
    ) -> NDArray[np.float64]:
        """Return the replicates (B,) of the expected calibration error, mean over draws.

        The error of a resample is larger than that of the images themselves, because chance makes
        gaps in its bins, too: the replicates are moved back to the value measured.

        Parameters
        ----------
        probabilities : array (draws, m, K)
        bins : int
        value : float
            The error on the test images.
        """
        by_draw = []
        total = self._weights.sum(axis=1)
        for p in probabilities:
            confidence = p.max(axis=1)
            gap = confidence - (p.argmax(axis=1) == self._y)
            place = np.minimum((confidence * bins).astype(int), bins - 1)
            each = np.zeros((len(gap), bins), dtype=np.float32)
            each[np.arange(len(gap)), place] = gap
            by_draw.append(np.abs(self._weights @ each).sum(axis=1) / total)
        replicates = self._over_draws(np.stack(by_draw, axis=1))
        moved: NDArray[np.float64] = np.clip(replicates - replicates.mean() + value, 0.0, 1.0)
        return moved

    def _over_draws(self, by_draw: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean over the drawn draws (B,) of a figure (B, draws), widened."""
        means = (by_draw.astype(np.float64) * self._draws).sum(axis=1)
        middle = means.mean()
        wider: NDArray[np.float64] = np.clip(middle + self._widen * (means - middle), 0.0, 1.0)
        return wider


def _placement(own: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the others below each value, ties counting half."""
    ranked = np.sort(others)
    below = np.searchsorted(ranked, own, side="left")
    up_to = np.searchsorted(ranked, own, side="right")
    share: NDArray[np.float64] = (below + up_to) / (2 * len(ranked))
    return share


def percentile(value: float, replicates: NDArray[np.float64]) -> dict[str, float]:
    """Return a value with the 2.5 and 97.5 percentiles of its replicates."""
    low, high = np.percentile(replicates, [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}
