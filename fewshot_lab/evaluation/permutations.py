"""Chance, by dealing the values of a column anew: within the classes, patients kept whole."""

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

    What is dealt is the value of a block: the images of one group that share a value. Blocks of one
    class swap values among themselves, so that what the class alone tells of the value is part of
    chance. Where a group has several values its blocks are dealt apart, which errs on the careful
    side (by simulation).

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
        pairs = np.stack([groups, value], axis=1)
        _, first, block = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        block = block.reshape(-1)
        own = value[first]
        stratum = np.zeros(len(own), dtype=np.int64)
        if y is not None:
            of_class = np.zeros((len(own), int(y.max()) + 1))
            np.add.at(of_class, (block, y), 1)
            stratum = of_class.argmax(axis=1)
        dealt = np.tile(own, (count + 1, 1))
        arrangements = 0.0
        for each in np.unique(stratum):
            mine = np.flatnonzero(stratum == each)
            dealt[1:, mine] = rng.permuted(dealt[1:, mine], axis=1)
            sizes = np.unique(own[mine], return_counts=True)[1]
            arrangements += lgamma(len(mine) + 1) - sum(lgamma(s + 1) for s in sizes)
        return cls(dealt[:, block], arrangements)

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
        mine = values == v
        means[:, v] = mine @ residual / np.maximum(mine.sum(axis=1), 1)
    spread = means[1:].std(axis=0)
    centred = means - means[1:].mean(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(means), where=spread > 1e-12))
