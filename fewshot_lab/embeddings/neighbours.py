"""The graph of nearest neighbours, and groups of images that are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index import Index, build_index, evenly_spread, gpus, normalised
from fewshot_lab.progress import Progress, silent

EXACT_WORK = 4e11
"""Floating-point operations that comparing all pairs may take on a CPU: a few seconds."""

REDUCED = 128
"""Dimensions in which neighbours of many are searched."""
ENOUGH = 0.95
"""Share of the nearest that an inverted file finds for the map."""
_MOST, _PAIRS, _AT_ONCE = 512, 5_120_000, 64
_BLOCK = 4096


def neighbour_graph(
    matrix: npt.NDArray[Any], k: int, *, progress: Progress = silent
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return every row's k nearest rows by cosine, itself first.

    Where comparing all pairs would take long (no GPU, some ten thousand rows), the vectors are
    first reduced to their 128 strongest directions and searched through an inverted file, in as
    many cells as find :data:`ENOUGH` of them.

    Parameters
    ----------
    matrix
        (n, d).
    k
        Including the row itself; at most n.

    Returns
    -------
    rows : ndarray of int32, shape (n, k)
    distances : ndarray of float32, shape (n, k)
        1 - cosine, 0 for the row itself, ascending.
    """
    n, d = matrix.shape
    queries: npt.NDArray[Any] = matrix
    short = 2.0 * n * n * d <= EXACT_WORK
    index = build_index(matrix) if short or gpus() else None
    if index is None or not (short or index.on_gpu):
        queries = Reduced.of(matrix, REDUCED)(matrix)
        index = build_index(queries, kind="ivf", device="cpu", recall=ENOUGH)
    rows = np.empty((n, k), np.int32)
    distances = np.empty((n, k), np.float32)
    step = max(256, min(4096, n // 50))
    for start in range(0, n, step):
        block = slice(start, min(n, start + step))
        similarity, nearest = index.search(queries[block], k)
        own = np.arange(block.start, block.stop)
        rows[block], distances[block] = _self_first(own, nearest, similarity)
        progress("neighbours", block.stop, n)
    return rows, distances


def _self_first(
    own: npt.NDArray[Any], nearest: npt.NDArray[np.int64], similarity: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Put each row itself first, where twins or an approximate search left it elsewhere."""
    distance = np.maximum(1 - similarity, 0)
    distance[nearest < 0] = np.inf
    itself = nearest == own[:, None]
    distance[itself] = -1
    # A row that did not find itself gives up its farthest find.
    lost = ~itself.any(axis=1)
    nearest[lost, -1] = own[lost]
    distance[lost, -1] = -1
    order = np.argsort(distance, axis=1, kind="stable")
    nearest = np.take_along_axis(nearest, order, 1)
    distance = np.take_along_axis(distance, order, 1)
    distance[:, 0] = 0
    # What an approximate search did not find stands as far as the farthest it did find.
    missing = ~np.isfinite(distance)
    if missing.any():
        farthest = np.where(missing, 0, distance).max(axis=1, keepdims=True)
        distance = np.where(missing, farthest, distance)
        nearest = np.where(missing, own[:, None], nearest)
    return nearest, distance


@dataclass(frozen=True)
class Reduced:
    """The directions (d, p) that keep most of the inner products of unit vectors."""

    directions: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, matrix: npt.NDArray[Any], dimensions: int) -> Reduced:
        """Learn them from the rows (n, d); None where there are no more than so many dimensions."""
        n, d = matrix.shape
        if d <= dimensions:
            return cls(None)
        sample = normalised(matrix[evenly_spread(n, 10_000)])
        _, directions = np.linalg.eigh(sample.T @ sample)
        return cls(np.ascontiguousarray(directions[:, -dimensions:], np.float32))

    def __call__(self, matrix: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return rows (n, d) along them (n, p)."""
        if self.directions is None:
            return normalised(matrix)
        out = np.empty((len(matrix), self.directions.shape[1]), np.float32)
        for start in range(0, len(matrix), 16_384):
            block = slice(start, start + 16_384)
            out[block] = normalised(matrix[block]) @ self.directions
        return out


class PairSearch:
    """A search for the pairs of rows that are nearly the same, which can be stopped and go on.

    Parameters
    ----------
    n
        Rows.
    threshold
        Cosine from which two rows are a pair. Of a row with more than 512 such, the nearest 512
        are told: a thousand blank tiles hang together all the same. Of more than 10,000 rows
        fewer, as many as make five million in all, but 16 at least.
    """

    def __init__(self, n: int, threshold: float) -> None:
        self._n, self._threshold = n, threshold
        self._most = min(n, int(np.clip(_PAIRS // max(n, 1), 16, _MOST)))
        self._k = min(n, self._most if self._most <= _AT_ONCE else 8)
        self._todo = np.arange(n, dtype=np.int32)
        self._again = np.empty(0, np.int32)
        self._highest = np.full(n, -1, np.float32)
        # One number for a pair is sorted in a tenth of the time and memory of two.
        self._keys, self._cosines = [np.empty(0, np.int64)], [np.empty(0, np.float32)]

    def steps(
        self,
        matrix: npt.NDArray[Any],
        index: Index,
        whole: npt.NDArray[np.float32] | None = None,
        progress: Progress = silent,
    ) -> Iterator[None]:
        """Go on from where it is, some thousand rows at a time.

        Parameters
        ----------
        matrix
            (n, d).
        index
            Over the same rows.
        whole
            (n, D), where the matrix has but the leading axes of it: what these find is compared
            by all.
        """
        # A row whose k finds are all close may have more: it is asked again for more.
        while len(self._todo):
            total = len(self._todo)
            while len(self._todo):
                self._look(self._todo[:_BLOCK], matrix, index, whole)
                progress("near-duplicates", total - len(self._todo), total)
                yield
            self._todo, self._again = self._again, self._todo
            self._k = self._most if 16 * self._k > self._most else 8 * self._k

    def _look(
        self,
        rows: npt.NDArray[np.int32],
        matrix: npt.NDArray[Any],
        index: Index,
        whole: npt.NDArray[np.float32] | None,
    ) -> None:
        similarity, nearest = index.search(matrix[rows], self._k)
        if whole is not None:
            similarity = _cosines(whole, rows, nearest)
        other = (nearest >= 0) & (nearest != rows[:, None])
        self._highest[rows] = np.where(other, similarity, -1).max(axis=1, initial=-1)
        close = similarity >= self._threshold
        more = np.asarray((close & (nearest >= 0)).all(axis=1)) & (self._k < self._most)
        # A row that is asked again brings these pairs again.
        at, column = np.nonzero(close & other & ~more[:, None])
        a, b = rows[at].astype(np.int64), nearest[at, column]
        self._keys.append(np.minimum(a, b) * self._n + np.maximum(a, b))
        self._cosines.append(similarity[at, column])
        self._again = np.concatenate([self._again, rows[more]])
        self._todo = self._todo[len(rows) :]

    def pairs(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what was found so far.

        Returns
        -------
        pairs : ndarray of int64, shape (p, 2)
            Each pair once, the smaller row first, ascending.
        cosines : ndarray of float32, shape (p,)
        nearest : ndarray of float32, shape (n,)
            Cosine of each row with the one most like it; -1 where there is no other.
        """
        keys, first = np.unique(np.concatenate(self._keys), return_index=True)
        cosines = np.minimum(np.concatenate(self._cosines)[first], np.float32(1))
        return np.stack(np.divmod(keys, max(self._n, 1)), axis=1), cosines, self._highest

    def state(self) -> dict[str, Any]:
        """Return all that it takes to go on."""
        return {
            "k": np.array(self._k),
            "todo": self._todo,
            "again": self._again,
            "highest": self._highest,
            "keys": np.concatenate(self._keys),
            "cosines": np.concatenate(self._cosines),
        }

    def go_on(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take up what :meth:`state` returned of a search of the same rows."""
        self._k = int(state["k"])
        self._todo, self._again = state["todo"], state["again"]
        self._highest = state["highest"]
        self._keys, self._cosines = [state["keys"]], [state["cosines"]]


def _cosines(
    matrix: npt.NDArray[np.float32], rows: npt.NDArray[Any], others: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the cosine of rows (m,) with others (m, k)."""
    out = np.empty(others.shape, np.float32)
    for start in range(0, len(rows), 256):
        block = slice(start, start + 256)
        own, theirs = normalised(matrix[rows[block]]), matrix[others[block]]
        length = np.sqrt(np.einsum("mkd,mkd->mk", theirs, theirs))
        out[block] = np.matmul(theirs, own[:, :, None])[..., 0] / np.where(length > 0, length, 1)
    return out
