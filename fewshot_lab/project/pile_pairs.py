"""Which images of a project are alike enough that one look labels both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation import closer_than_usual
from fewshot_lab.project.near_duplicates import find_near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fewshot_lab.project.training import ProjectCore

SPREADS = 0.5
"""So much closer than an image's usual nearest neighbour; by ``benchmarks/piles.py``."""
LOWEST, HIGHEST = 0.5, 0.99


class PilePairs(NamedTuple):
    """Pairs of images that are alike.

    Attributes
    ----------
    pairs : array (p, 2) of int
        Rows of the images that were asked about, each pair once.
    cosines : array (p,), float32
    near_duplicates : array (p,) of bool
        The same picture or nearly; the others are alike where they are predicted alike, too.
    """

    pairs: NDArray[np.int64]
    cosines: NDArray[np.float32]
    near_duplicates: NDArray[np.bool_]


def pile_pairs(project: ProjectCore, ids: Sequence[str]) -> PilePairs:
    """Return the pairs of embedded images that may lie in one pile.

    Near-duplicates as the project has them, but for those that a person released; and images
    whose cosine is half a spread above what an image's nearest neighbour usually has here.

    Parameters
    ----------
    ids : sequence (N,) of str
        The embedded images, in the order of the pool.
    """
    rotated = project.pool.rotated
    if len(rotated) > len(ids):
        rotated = rotated[: len(ids)]
    nearest = find_near(ids, rotated, np.inf).nearest
    threshold = float(np.clip(closer_than_usual(nearest, SPREADS), LOWEST, HIGHEST))
    _, _, pairs, cosines, _ = find_near(ids, rotated, threshold)
    row = {image_id: k for k, image_id in enumerate(ids)}
    twins = {
        (min(row[p.a], row[p.b]), max(row[p.a], row[p.b])): p.cosine
        for p in project.splits.grouping.pairs
        if p.state != "released" and p.a in row and p.b in row
    }
    known = {(a, b) for a, b in pairs.tolist()}
    more = [pair for pair in twins if pair not in known]
    pairs = np.concatenate([pairs, np.array(more, np.int64).reshape(-1, 2)])
    cosines = np.concatenate([cosines, np.array([twins[p] for p in more], np.float32)])
    same = np.array([(a, b) in twins for a, b in pairs.tolist()], dtype=bool)
    return PilePairs(pairs, cosines, same)
