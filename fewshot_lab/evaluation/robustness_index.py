"""Whether neighbours share the class or the site: the robustness index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats import Z95, Interval, balanced_accuracy, student, wilson

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

NEIGHBOURS = (5, 11, 21)
"""From which the number of neighbours is chosen, as the package croma does."""


@dataclass(frozen=True)
class RobustnessIndex:
    """Of neighbours that agree in one thing only, the share that agree in the class.

    Attributes
    ----------
    index : Interval
        1: the class alone decides who is near; 0: the site alone.
    k : int
        Neighbours of each image that are looked at.
    support : float
        Share of the images with such a neighbour.
    """

    index: Interval
    k: int
    support: float


def robustness_index(
    X: NDArray[Any],
    y: NDArray[Any],
    site: NDArray[Any],
    groups: NDArray[Any],
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
) -> RobustnessIndex | None:
    """Return the robustness index of embeddings, equal to that of the package croma.

    Among the k nearest by cosine, of other groups than the image's own, those of the same class
    and another site count for it, those of another class and the same site against it (Kömen et
    al. 2025, arXiv 2507.17845). k is the one by which the neighbours tell the class best.

    The interval is Wilson's at the number of independent images that have the variance of a
    jackknife over groups: what an index would be without a group, whose images are neither asked
    nor found, the next neighbours in their place.

    Parameters
    ----------
    X : array (n, d)
    y, site, groups : array (n,)
    neighbours : sequence of int

    Returns
    -------
    RobustnessIndex or None
        None where no image has a neighbour that agrees in one thing only.
    """
    y, site, groups = (_by_appearance(values) for values in (y, site, groups))
    choices = [k for k in neighbours if k < len(X)]
    if not choices:
        return None
    order = _nearest(np.asarray(X, dtype=np.float64), groups, 2 * max(choices))
    k = max(choices, key=lambda k: _accuracy(order[:, :k], y))
    near = order[:, : 2 * k]
    is_neighbour = near >= 0
    same_class, same_site = (v[near] == v[:, None] for v in (y, site))
    favourable, unfavourable = (
        is_neighbour & same_class & ~same_site,
        is_neighbour & ~same_class & same_site,
    )
    counted = np.arange(near.shape[1]) < k
    good, bad = favourable & counted, unfavourable & counted
    total = int(good.sum() + bad.sum())
    if not total:
        return None
    value = good.sum() / total
    residual = favourable * (1 - value) - unfavourable * value
    influence = _influence(residual, near, groups, k)
    interval = _interval(value, influence / total, len(X))
    return RobustnessIndex(interval, k, float((good | bad).any(axis=1).mean()))


def _by_appearance(values: NDArray[Any]) -> Codes:
    """Return codes by first appearance: of classes that come equally often, the first wins."""
    _, first, code = np.unique(values, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[code])


def _nearest(X: Float, groups: Codes, k: int) -> Codes:
    """Return the nearest images of other groups (n, k), -1 where there are no more."""
    X = X / (np.linalg.norm(X, axis=1, keepdims=True) + 1e-12)
    n = len(X)
    out = np.full((n, k), -1, dtype=np.int64)
    wanted = min(n, k + int(np.bincount(groups).max()))
    for start in range(0, n, 1024):
        rows = slice(start, min(start + 1024, n))
        cosine = X[rows] @ X.T
        cosine[groups[rows, None] == groups] = -np.inf
        candidates = np.argpartition(-cosine, wanted - 1, axis=1)[:, :wanted]
        near = np.take_along_axis(cosine, candidates, axis=1)
        place = np.argsort(-near, axis=1, kind="stable")[:, :k]
        nearest = np.take_along_axis(candidates, place, axis=1)
        nearest[np.isinf(np.take_along_axis(near, place, axis=1))] = -1
        out[rows, : nearest.shape[1]] = nearest
    return out


def _accuracy(near: Codes, y: Codes) -> float:
    """Return the balanced accuracy of the neighbours' majority."""
    votes = np.zeros((len(y), int(y.max()) + 1))
    rows, places = np.nonzero(near >= 0)
    np.add.at(votes, (rows, y[near[rows, places]]), 1)
    asked = votes.any(axis=1)
    return balanced_accuracy(y[asked], votes[asked].argmax(axis=1)) if asked.any() else -1.0


def _influence(residual: Float, near: Codes, groups: Codes, k: int) -> Float:
    """Return what each group adds to the numerator (G,), as asked and as found."""
    G = int(groups.max()) + 1
    out = np.bincount(groups, residual[:, :k].sum(axis=1), minlength=G).astype(np.float64)
    rank = np.zeros(near.shape, dtype=np.int64)  # which of its group it is among an image's
    whose = np.where(near >= 0, groups[near], -1)
    for place in range(1, k):
        rank[:, place] = (whose[:, :place] == whose[:, place, None]).sum(axis=1)
    rows, places = np.nonzero(near[:, :k] >= 0)
    instead = k + rank[rows, places]
    next_there = instead < near.shape[1]
    replaced = np.where(next_there, residual[rows, np.minimum(instead, near.shape[1] - 1)], 0.0)
    np.add.at(out, whose[rows, places], residual[rows, places] - replaced)
    return out


def _interval(value: float, influence: Float, images: int) -> Interval:
    G = len(influence)
    variance = float(((influence - influence.mean()) ** 2).sum()) * G / max(G - 1, 1)
    smooth = (value * G + 0.5) / (G + 1)
    worth = smooth * (1 - smooth) / variance if variance > 0 else float(G)
    worth *= (Z95 / student(G - 1)) ** 2
    return wilson(value * worth, worth, images=images)
