"""How many of the nearest an index finds, and into how many cells it has to look for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

RECALL = 0.99
"""Share of the ten nearest rows that a search through some cells is to find."""

QUERY_ROWS = 256
"""Rows whose nearest are found exactly, to measure it."""

MOST_CELLS = 1 / 3
"""Share of the cells that a query looks into at most: comparing every row takes about as long."""

K = 11
"""Rows that are looked for: ten, and the row itself."""

ROUNDING = 5e-4
"""By which cosines differ where vectors are held in two bytes a number."""


def choose_probes(
    index: Any,
    query_rows: npt.NDArray[np.int64],
    queries: npt.NDArray[np.float32],
    truth: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    *,
    candidates: int = 1,
    most: float = MOST_CELLS,
    wanted: float = RECALL,
) -> float:
    """Set into how many cells a query looks: as few as find the wanted share of the nearest.

    Parameters
    ----------
    index
        FAISS's, of inverted lists; changed.
    query_rows
        The rows (m,) that the queries are: none is a neighbour of itself.
    queries
        Their vectors (m, d), of length 1.
    truth
        Cosines and rows (m, K) of their nearest, as :func:`nearest_rows` finds them.
    candidates
        How many times K rows of an index of codes are then compared exactly: those count as found.
        1 for whole vectors, where rows count that are as near as the nearest ones, within
        :data:`ROUNDING`: among a million images many are, and no number of cells would tell which.
    most
        Share of the cells, from which on no more are looked into.
    wanted
        Share of the nearest that is to be found.

    Returns
    -------
    float
        The share that is found.
    """
    import faiss

    cosines, nearest = truth
    others = (nearest >= 0) & (nearest != query_rows[:, None])
    count = others.sum(axis=1)
    least = np.where(others, cosines, np.inf).min(axis=1, keepdims=True) - ROUNDING
    lists = faiss.extract_index_ivf(index)
    probes = min(4, lists.nlist)
    while True:
        lists.nprobe = probes
        similarity, rows = index.search(queries, min(index.ntotal, candidates * K))
        if candidates == 1:
            hits = ((similarity >= least) & (rows != query_rows[:, None]) & (rows >= 0)).sum(axis=1)
        else:
            hits = (others & (nearest[:, :, None] == rows[:, None]).any(axis=2)).sum(axis=1)
        share = float(np.minimum(hits, count).sum() / max(1, count.sum()))
        if share >= wanted or probes >= most * lists.nlist:
            return share
        probes = min(lists.nlist, round(probes * 1.5))


def nearest_rows(
    queries: npt.NDArray[np.float32], blocks: Iterable[npt.NDArray[np.float32]], k: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return cosines and rows (m, k) of the most similar, by comparison with every row."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.full((len(queries), k), -1, np.int64)
    start = 0
    for block in blocks:
        similarity = queries @ block.T
        top = np.argpartition(-similarity, min(k, len(block)) - 1, axis=1)[:, :k]
        best = np.concatenate([best, np.take_along_axis(similarity, top, 1)], axis=1)
        rows = np.concatenate([rows, top + start], axis=1)
        top = np.argpartition(-best, k - 1, axis=1)[:, :k]
        best, rows = np.take_along_axis(best, top, 1), np.take_along_axis(rows, top, 1)
        start += len(block)
    return best, rows
