"""What must stay on one side of every split: images of a patient, and near-duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOO_LARGE = 0.25
"""Look-alikes of different groups are not joined where one would then hold more of all images."""


@dataclass(frozen=True)
class Together:
    """Which images stay together.

    Attributes
    ----------
    code : array (n,) of int
        Equal numbers stay on one side of every split; 0, 1, ... in order of first appearance.
    names : tuple of str
        The name of each number: the group's, several joined by " + " where a near-duplicate
        joins them, that of an image that stands alone ``image:ID``.
    named : array (numbers,) of bool
        Whether a group by the rule is in it.
    apart : array (q,) of int
        Near-duplicate pairs, as positions in those given, that were not joined because that
        would have put too many images of different groups in one.
    """

    code: NDArray[np.int64]
    names: tuple[str, ...]
    named: NDArray[np.bool_]
    apart: NDArray[np.int64]


def together(
    ids: Sequence[str], keys: Sequence[str | None], pairs: NDArray[np.int64] | None = None
) -> Together:
    """Join images of a group, and near-duplicates, into what stays together.

    Whatever hangs together by groups and pairs is one. Pairs of images of different groups are
    left out, all of them, where they would put more than a quarter of the images in one (and
    more than the largest group has by itself): then nothing could be held out any more, and a
    person has to look at them.

    Parameters
    ----------
    ids : sequence (n,) of str
    keys : sequence (n,) of str or None
    pairs : array (p, 2) of int, optional
        Positions of near-duplicates.
    """
    n = len(ids)
    pairs = np.empty((0, 2), np.int64) if pairs is None else pairs
    number: dict[str, int] = {}
    key = np.array([number.setdefault(k, len(number)) if k else -1 for k in keys], np.int64)
    code = _components(key, pairs)
    apart = np.empty(0, np.int64)
    if n and len(pairs) and number:
        largest = int(np.bincount(_components(key, pairs[:0])).max())
        if np.bincount(code).max() > max(TOO_LARGE * n, largest):
            a, b = key[pairs[:, 0]], key[pairs[:, 1]]
            across = (a >= 0) & (b >= 0) & (a != b)
            apart = np.flatnonzero(across)
            code = _components(key, pairs[~across])
    count = int(code.max(initial=-1)) + 1
    first = np.full(count, n)
    np.minimum.at(first, code, np.arange(n))
    size = np.bincount(code, minlength=count)
    holds: dict[int, dict[str, None]] = {}
    for position in np.flatnonzero(key >= 0).tolist():
        holds.setdefault(int(code[position]), {})[str(keys[position])] = None
    names = tuple(
        " + ".join(holds[c]) if c in holds else f"{'image' if alone else 'near'}:{ids[at]}"
        for c, (at, alone) in enumerate(zip(first.tolist(), (size == 1).tolist(), strict=True))
    )
    named = np.zeros(count, dtype=bool)
    named[list(holds)] = True
    return Together(code, names, named, apart)


def _components(key: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(key)
    with_key = np.flatnonzero(key >= 0)
    # Images of a group hang on a node of its own.
    rows = np.concatenate([with_key, pairs[:, 0]])
    columns = np.concatenate([n + key[with_key], pairs[:, 1]])
    size = n + int(key.max(initial=-1)) + 1
    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    _, first, code = np.unique(component[:n], return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[code], dtype=np.int64)
