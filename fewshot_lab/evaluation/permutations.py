"""Chance, by dealing the values of a column anew: within the classes, from patient to patient."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

COUNT = 999


@dataclass(frozen=True)
class Permutations:
    """The values as they are, and as chance might have dealt them.

    Each group is given the values of another group that is mostly of the same class: its images of
    a class those of the other's images of that class, as far as it has any. So what the class alone
    tells of the value is part of chance, and groups stay as much of one value, or as mixed, as they
    are.

    Attributes
    ----------
    values : array (P + 1, n) of int
        The first row is the truth.
    arrangements : float
        Logarithm of how many different ones there are.
    """

    values: Codes
    arrangements: float

    @classmethod
    def of(
        cls, value: Codes, y: Codes | None, groups: Codes, *, count: int = COUNT, seed: int = 0
    ) -> Permutations:
        """Deal values (n,) anew, within classes ``y`` where these are given."""
        rng = np.random.default_rng(seed)
        y = np.zeros_like(value) if y is None else y
        K, G = int(y.max()) + 1, int(groups.max()) + 1
        order = np.lexsort((rng.random(len(value)), y, groups))  # by group, then class
        of_class = np.bincount(groups * K + y, minlength=G * K).reshape(G, K)
        size = of_class.sum(axis=1)
        start = np.cumsum(of_class).reshape(G, K) - of_class
        of_value = np.zeros((G, int(value.max()) + 1))
        np.add.at(of_value, (groups, value), 1)
        donor = np.tile(np.arange(G), (count, 1))
        stratum, arrangements = of_class.argmax(axis=1), 0.0
        for each in np.unique(stratum):
            in_stratum = np.flatnonzero(stratum == each)
            donor[:, in_stratum] = rng.permuted(donor[:, in_stratum], axis=1)
            alike = np.unique(of_value[in_stratum].argmax(axis=1), return_counts=True)[1]
            arrangements += lgamma(len(in_stratum) + 1) - sum(lgamma(m + 1) for m in alike)
        dealt = np.empty((count + 1, len(value)), dtype=value.dtype)
        dealt[0], source = value, value[order]
        for g, k in np.argwhere(of_class):
            rows = order[start[g, k] : start[g, k] + of_class[g, k]]
            donors = donor[:, g]
            have = of_class[donors, k]
            first = np.where(have > 0, start[donors, k], start[donors, 0])
            have = np.where(have > 0, have, size[donors])
            turn = rng.integers(0, have)
            place = (turn[:, None] + np.arange(len(rows))) % have[:, None]
            dealt[1:, rows] = source[first[:, None] + place]
        return cls(dealt, arrangements)

    def can_tell(self, level: float) -> bool:
        """Whether there are enough arrangements for any figure to be rarer than a level."""
        return bool(self.arrangements >= np.log(1 / level))


def p_value(statistics: Float) -> float:
    """Return how often chance gives as much as the first of some statistics (P + 1,)."""
    return float((statistics >= statistics[0] - 1e-9).mean())


def contrasts(residual: Float, permutations: Permutations, n_values: int) -> Float:
    """Return how far each value's mean stands out (P + 1, V), in its spread over the deals.

    Parameters
    ----------
    residual : array (n,)
        With a mean of 0 in each class.
    """
    values = permutations.values
    means = np.empty((len(values), n_values))
    for v in range(n_values):
        of_value = values == v
        means[:, v] = of_value @ residual / np.maximum(of_value.sum(axis=1), 1)
    spread = means[1:].std(axis=0)
    centred = means - means[1:].mean(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(means), where=spread > 1e-12))
