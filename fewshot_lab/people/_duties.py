"""Who labels which image, and what of it they may see: the same at every look, by chance alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.store import Team


@dataclass(frozen=True)
class Duties:
    """What the team's agreement means for one annotator, image by image.

    Attributes
    ----------
    mine : array (n,) of bool
        Images that are theirs to label.
    several : array (n,) of bool
        Images that several annotators label: others' labels are hidden before one's own.
    blind : array (n,) of bool
        Images on which predictions are hidden, too.
    """

    mine: NDArray[np.bool_]
    several: NDArray[np.bool_]
    blind: NDArray[np.bool_]

    @property
    def apart(self) -> NDArray[np.bool_]:
        """Images of which others' labels are hidden before one's own is stored (n,)."""
        return self.several | self.blind


class Lots:
    """A number from 0 to 1 for each image and purpose: drawn once and for all, by its id.

    Parameters
    ----------
    ids : sequence of str
    keys : sequence of str or None, optional
        Patient of each image: all images of one go to the same annotators.
    """

    def __init__(self, ids: Sequence[str], keys: Sequence[str | None] | None = None):
        self._ids = list(ids)
        self._keys = [k or i for k, i in zip(keys, ids, strict=True)] if keys else self._ids
        self._drawn: dict[str, NDArray[np.float64]] = {}

    def duties(self, team: Team, annotator: str) -> Duties:
        """Return what an annotator's images are.

        Whoever is not among the annotators the images are split among sees all of them.
        """
        n = len(self._ids)
        several, blind = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        if team.double:
            several = self._lots("double", self._ids) < team.double
        if team.blind:
            blind = self._lots(f"blind {annotator}", self._ids) < team.blind
        mine = np.ones(n, dtype=bool)
        if team.split and annotator in team.annotators:
            people = len(team.annotators)
            first = (self._lots("split", self._keys) * people).astype(np.int64)
            after = (team.annotators.index(annotator) - first) % people
            mine = (after == 0) | (several & (after < team.per_image))
        return Duties(mine, several, blind)

    def _lots(self, purpose: str, keys: Sequence[str]) -> NDArray[np.float64]:
        if purpose not in self._drawn:
            self._drawn[purpose] = np.array([lot(purpose, key) for key in keys])
        return self._drawn[purpose]


def lot(purpose: str, key: str) -> float:
    """Return a number from 0 to 1 that follows from two texts and looks like chance."""
    digest = hashlib.blake2b(f"{purpose}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
