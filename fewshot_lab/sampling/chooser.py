"""What was chosen to be labelled, and what may still be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import NEAR_DUPLICATE, Pool
from fewshot_lab.words import percent

Float = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

SPREAD = 4
"""Diversity chooses among this many times the images wanted, those of the greatest worth."""


@dataclass(frozen=True)
class Suggestion:
    """An image to label next, and why.

    Attributes
    ----------
    image_id : str
    reason : str
        In words, with the classes' names at the time.
    strategy : str
        "cover", "margin", "rare", "gaps", "pair" or "audit".
    audit : bool
        Whether the image was drawn at random and will never train.
    classes : tuple of int
        The class ids that the reason speaks of.
    """

    image_id: str
    reason: str
    strategy: str
    audit: bool = False
    classes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pick:
    """A suggestion by its row of the pool."""

    row: int
    reason: str
    strategy: str
    classes: tuple[int, ...] = ()


def between(names: Sequence[str], shares: Float, first: int, second: int) -> str:
    """Say between which two classes an image lies: "between A (44 %) and B (39 %)"."""
    words = (f"{names[k]} ({percent(float(shares[k]))})" for k in (first, second))
    return f"between {' and '.join(words)}"


class Chooser:
    """What may still be chosen: eligible, no near-duplicate, within its group's quota."""

    def __init__(
        self,
        pool: Pool,
        labelled: NDArray[np.bool_],
        eligible: NDArray[np.bool_],
        groups: NDArray[np.int64] | None,
        quota: int,
    ):
        self.pool = pool
        self.open = eligible & ~labelled
        self.labelled = np.flatnonzero(labelled)
        self.groups = groups
        self.quota = quota
        self.taken: list[int] = []
        self._per_group: dict[int, int] = {}

    def unit(self, rows: Rows, components: int | None = None) -> Float:
        """Return the rows' leading components as unit vectors."""
        Z = self.pool.rotated[rows, :components]
        norm = np.sqrt(np.einsum("ij,ij->i", Z, Z))
        norm[norm == 0] = 1
        return np.asarray(Z / norm[:, None], dtype=np.float32)

    def nearest_chosen(self, rows: Rows) -> Float:
        """Return each row's cosine to the nearest image chosen so far (-1 where none is)."""
        if not self.taken:
            return np.full(len(rows), -1, dtype=np.float32)
        return np.asarray((self.unit(rows) @ self.unit(np.array(self.taken)).T).max(axis=1))

    def is_repeat(self, row: int) -> bool:
        """Whether a row all but repeats a labelled or chosen image."""
        against = np.concatenate([self.labelled, np.array(self.taken, dtype=np.int64)])
        if not len(against):
            return False
        Z = self.pool.rotated
        own = Z[row]
        length = float(np.linalg.norm(own)) or 1.0
        cosine = Z[against] @ own
        # Most are far away: divide by the length only where it can matter.
        near = against[cosine > 0.5 * NEAR_DUPLICATE * length * length]
        return bool(len(near)) and bool((self.unit(near) @ (own / length) > NEAR_DUPLICATE).any())

    def take(self, row: int) -> bool:
        """Take a row; False, and closed for good, where it may not be taken."""
        if not self.open[row]:
            return False
        self.open[row] = False
        group = -1 if self.groups is None else int(self.groups[row])
        if group >= 0 and self._per_group.get(group, 0) >= self.quota:
            return False
        if self.is_repeat(row):
            return False
        if group >= 0:
            self._per_group[group] = self._per_group.get(group, 0) + 1
        self.taken.append(int(row))
        return True


def highest(values: Float, n: int) -> Rows:
    """Return where the n highest values stand, the highest first; of equal ones the first."""
    if len(values) > n:
        # Of a million values few are sorted.
        some = np.flatnonzero(values >= np.partition(values, len(values) - n)[len(values) - n])
    else:
        some = np.arange(len(values))
    return np.asarray(some[np.argsort(-values[some], kind="stable")][:n])


def spread_out(chooser: Chooser, rows: Rows, worth: Float, n: int) -> list[int]:
    """Take the rows of the greatest worth, each unlike those taken before.

    Parameters
    ----------
    chooser : Chooser
    rows : array (m,) of int
        Those to choose from.
    worth : array (m,)
        From 0 to 1.
    n : int

    Returns
    -------
    list of int
        Rows of the pool, at most ``n``.
    """
    keep = highest(worth, SPREAD * n)
    rows, worth = rows[keep], worth[keep]
    unit = chooser.unit(rows)
    nearest = np.clip(chooser.nearest_chosen(rows), 0, 1)
    alive = np.ones(len(rows), dtype=bool)
    taken: list[int] = []
    while len(taken) < n and alive.any():
        best = int(np.argmax(np.where(alive, worth * (1 - nearest), -1)))
        alive[best] = False
        if chooser.take(int(rows[best])):
            nearest = np.clip(np.maximum(nearest, unit @ unit[best]), 0, 1)
            taken.append(int(rows[best]))
    return taken
