"""Piles: images so alike that one look at the top one labels them all."""

import heapq

import numpy as np
from numpy.typing import NDArray

MOST = 50
"""Images in one pile at most."""


def find_piles(
    pairs: NDArray[np.int64], free: NDArray[np.bool_], nearness: NDArray[np.floating]
) -> list[NDArray[np.int64]]:
    """Gather images around one that each of them is like: never around another's likeness.

    The image that most free ones are like takes them first, so that a pile is a star: a chain of
    images, each a little unlike the last, makes no pile.

    Parameters
    ----------
    pairs : array (p, 2) of int
        Rows of two images that may lie in one pile, each pair once.
    free : array (N,) of bool
        Images that may lie in a pile.
    nearness : array (p,)
        Of each pair: the nearest come first in a pile.

    Returns
    -------
    list of array of int
        Rows of each pile, the top one first; the largest pile first.
    """
    kept = free[pairs].all(axis=1)
    a, b = pairs[kept].T
    order = np.lexsort((-np.tile(nearness[kept], 2), np.concatenate([a, b])))
    one, other = np.concatenate([a, b])[order], np.concatenate([b, a])[order]
    rows, start = np.unique(one, return_index=True)
    like = dict(zip(rows.tolist(), np.split(other, start[1:]), strict=True)) if len(rows) else {}
    queue = [(-len(others), row) for row, others in like.items()]
    heapq.heapify(queue)
    left = free.copy()
    piles: list[NDArray[np.int64]] = []
    while queue:
        size, row = heapq.heappop(queue)
        if not left[row]:
            continue
        others = like[row] = like[row][left[like[row]]]
        if len(others) < -size:  # some have gone to another pile since: its turn comes later
            if len(others):
                heapq.heappush(queue, (-len(others), row))
            continue
        pile = np.concatenate([[row], others[: MOST - 1]])
        left[pile] = False
        piles.append(pile)
    return sorted(piles, key=lambda pile: -len(pile))
