"""What a classifier says of every image of a session's pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Fitted, Pool
from fewshot_lab.evaluation import choose
from fewshot_lab.live.snapshot import Snapshot


@dataclass(frozen=True)
class PoolScores:
    """Arrays along the N images; see :class:`fewshot_lab.live.Snapshot`."""

    probabilities: NDArray[np.float32]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    margin: NDArray[np.float32]

    @classmethod
    def within(cls, snapshot: Snapshot) -> PoolScores:
        """Return those of a snapshot that has a classifier."""
        assert snapshot.probabilities is not None
        return cls(snapshot.probabilities, snapshot.predicted, snapshot.confidence, snapshot.margin)

    def replaced(self, rows: NDArray[np.int64], scores: PoolScores) -> PoolScores:
        """Return the same with other scores (m) of some rows (m,)."""
        arrays = {name: array.copy() for name, array in vars(self).items()}
        for name, array in arrays.items():
            array[rows] = getattr(scores, name)
        return PoolScores(**arrays)

    @property
    def fields(self) -> dict[str, Any]:
        """The arrays by the snapshot's names."""
        return dict(vars(self))


@dataclass(frozen=True)
class Scorer:
    """Scores images of a pool by a classifier.

    Attributes
    ----------
    fitted : Fitted
    pool : Pool
    costs : array (K, K) or None
        What errors cost.
    """

    fitted: Fitted
    pool: Pool
    costs: NDArray[np.float64] | None

    def __call__(
        self, rows: NDArray[np.int64] | None = None, check: Callable[[], None] = lambda: None
    ) -> PoolScores:
        """Score some rows, or all; ``check`` is called between blocks, and may end it."""
        P = self.fitted.pool_probabilities(self.pool, rows, check)
        top = np.partition(P, -2, axis=1)[:, -2:]
        best = choose(P, self.costs)
        # Where costs decide, the class need not be the most probable one.
        sure = top[:, 1] if self.costs is None else P[np.arange(len(best)), best]
        margin = np.asarray(top[:, 1] - top[:, 0], np.float32)
        return PoolScores(P, self.fitted.class_ids[best], sure, margin)
