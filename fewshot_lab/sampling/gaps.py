"""Filling class-by-site gaps: images likely of a class at a site that has few labels of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.words import percent

Float = NDArray[np.floating[Any]]

GAP = 0.5
"""A class has a gap at a site with less than this share of what it would have, were its labels and
the site's spread alike."""
TRIED = 20


@dataclass(frozen=True)
class Confounder:
    """A column whose every value is to have labels of every class.

    Attributes
    ----------
    column : str
    value : array (N,) of int
        Of each image of the pool; -1 where it has none.
    names : sequence of str
        Of the values.
    """

    column: str
    value: NDArray[np.int64]
    names: Sequence[str]


def fill_gaps(
    confounders: Sequence[Confounder],
    labelled: NDArray[np.int64],
    is_open: Callable[[], NDArray[np.bool_]],
    take: Callable[[int], bool],
    probabilities: Float,
    names: Sequence[str],
    n: int,
) -> list[tuple[int, str, int]]:
    """Choose images for the widest gaps first; of each, those most likely of the class.

    Parameters
    ----------
    confounders : sequence of Confounder
    labelled : array (N,) of int
        Column of the class of each labelled image, -1 for all others.
    is_open, take : callables
        Which images may still be taken; takes one, and returns whether it could be.
    probabilities : array (N, K)
    names : sequence of str
        Of the classes.
    n : int

    Returns
    -------
    list of (row, reason, column of the class)
    """
    K = len(names)
    cells: dict[tuple[int, int, int], tuple[float, float]] = {}
    for c, confounder in enumerate(confounders):
        known = (labelled >= 0) & (confounder.value >= 0)
        counts = np.zeros((len(confounder.names), K))
        np.add.at(counts, (confounder.value[known], labelled[known]), 1)
        # Spread alike: every value as many labels of a class as any other.
        wanted = GAP * counts.sum(axis=0) / max(1, len(confounder.names))
        for v, k in np.argwhere(counts < np.maximum(wanted, 1)).tolist():
            cells[c, v, k] = counts[v, k], max(float(wanted[k]), 1.0)
    likeliest = probabilities.argmax(axis=1)
    picks: list[tuple[int, str, int]] = []
    while len(picks) < n and cells:
        cell = min(cells, key=lambda key: cells[key][0] / cells[key][1])
        (c, v, k), (have, wanted_here) = cell, cells[cell]
        confounder = confounders[c]
        rows = np.flatnonzero(is_open() & (confounder.value == v))
        p = probabilities[rows, k]
        # Of a class that is rare there no image may be likeliest; then a good chance will do.
        best = np.lexsort((-p, likeliest[rows] != k))[:TRIED]
        row = next((int(rows[i]) for i in best if p[i] > 1 / (2 * K) and take(int(rows[i]))), None)
        if row is None or have + 1 >= wanted_here:
            del cells[cell]
        else:
            cells[cell] = have + 1, wanted_here
        if row is not None:
            where = f"{confounder.column} {confounder.names[v]}"
            likely = f"likely {names[k]} {percent(float(probabilities[row, k]))}"
            picks.append((row, f"few {names[k]} labels of {where}: {likely}", k))
    return picks
