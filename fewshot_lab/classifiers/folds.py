"""Splitting labelled images so that nothing leaks from one side to the other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_DUPLICATE = 0.98
"""Cosine of centred embeddings above which two labelled images count as one in every split."""


def leak_groups(
    Z: NDArray[np.floating[Any]],
    groups: NDArray[np.object_] | None = None,
    *,
    threshold: float | None = NEAR_DUPLICATE,
) -> NDArray[np.int64]:
    """Join what must stay on one side of a split: images of a group, and near-duplicates.

    Parameters
    ----------
    Z : array (n, d)
        Centred, L2-normalised embeddings.
    groups : array (n,), optional
        Patient, slide or video of each image.
    threshold : float
        Cosine above which two images count as near-duplicates; None: groups alone count.

    Returns
    -------
    array (n,) of int
        Equal numbers stay together; numbered 0, 1, ... in order of first appearance.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(Z)
    rows, columns = [np.arange(n)], [np.arange(n)]
    if groups is not None:
        _, first, code = np.unique(groups.astype(str), return_index=True, return_inverse=True)
        rows.append(np.arange(n))
        columns.append(first[code])
    for start in range(0, n if threshold is not None else 0, 1024):
        stop = min(start + 1024, n)
        # Pairs on and below the diagonal.
        similar = Z[start:stop] @ Z[:stop].T > threshold
        if int(similar.sum()) > stop - start:
            i, j = np.nonzero(similar)
            rows.append(i + start)
            columns.append(j)
    if len(rows) == 1:
        return np.arange(n)
    i, j = np.concatenate(rows), np.concatenate(columns)
    graph = coo_matrix((np.ones(len(i), dtype=np.int8), (i, j)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component.astype(np.int64))


def stratified_folds(
    y: NDArray[np.int64], groups: NDArray[np.int64], *, k: int = 5, seed: int = 0
) -> NDArray[np.int64]:
    """Assign each image to one of ``k`` folds: classes spread evenly, groups kept whole.

    A class whose labels all lie in one group cannot be predicted without it: those images are
    in no fold (-1), so they always train and are never scored.

    Parameters
    ----------
    y : array (n,)
        Class index of each image.
    groups : array (n,)
        What must stay together, as :func:`leak_groups` returns it.

    Returns
    -------
    array (n,) of int
        The fold in which an image is held out, or -1.
    """
    rng = np.random.default_rng(seed)
    n = len(y)
    fold = np.full(n, -1, dtype=np.int64)
    classes, y_index = np.unique(y, return_inverse=True)
    n_groups = int(groups.max()) + 1 if n else 0
    counts = np.zeros((n_groups, len(classes)), dtype=np.int64)
    np.add.at(counts, (groups, y_index), 1)
    per_class = (counts > 0).sum(axis=0)
    # A class of one group is never held out, and neither is the rest of that group.
    pinned = np.asarray((counts[:, per_class < 2] > 0).any(axis=1))
    sizes = counts.sum(axis=1)
    if sizes.max(initial=0) <= 1:
        return _deal(y_index, pinned[groups], k, rng)
    order = np.argsort(-sizes + rng.random(n_groups) * 0.5, kind="stable")
    total = np.maximum(counts.sum(axis=0), 1)
    load = np.zeros((k, len(classes)))
    group_fold = np.full(n_groups, -1, dtype=np.int64)
    for g in order:
        if pinned[g] or sizes[g] == 0:
            continue
        share = counts[g] / total
        # The fold that has least of this group's classes so far; ties by chance.
        cost = load @ share + 1e-9 * load.sum(axis=1) + 1e-12 * rng.random(k)
        best = int(np.argmin(cost))
        group_fold[g] = best
        load[best] += share
    # A class must be left in training whichever fold is held out.
    fold = group_fold[groups]
    for c in range(len(classes)):
        in_class = y_index == c
        if len(np.unique(fold[in_class])) == 1:
            fold[in_class & np.isin(groups, groups[in_class][:1])] = -1
    fold[np.isin(groups, groups[fold < 0])] = -1
    return fold


def _deal(
    y: NDArray[np.int64], pinned: NDArray[np.bool_], k: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Deal the shuffled images of each class out in turn, each class from where the last ended."""
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    order = order[~pinned[order]]
    fold = np.full(len(y), -1, dtype=np.int64)
    fold[order] = np.arange(len(order)) % k
    return fold
