"""Who labels which image, and what of it they may see: the same at every look, by chance alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.project.remembered import Remembered
from fewshot_lab.store import Team

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


@dataclass(frozen=True)
class Duties:
    """What the team's agreement means for one annotator, image by image.

    Attributes
    ----------
    assigned : array (n,) of bool
        Images that are theirs to label.
    several : array (n,) of bool
        Images that several annotators label: others' labels are hidden before one's own.
    blind : array (n,) of bool
        Images on which predictions are hidden, too.
    """

    assigned: NDArray[np.bool_]
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
        assigned = np.ones(n, dtype=bool)
        if team.split and annotator in team.annotators:
            people = len(team.annotators)
            first = (self._lots("split", self._keys) * people).astype(np.int64)
            after = (team.annotators.index(annotator) - first) % people
            assigned = (after == 0) | (several & (after < team.per_image))
        return Duties(assigned, several, blind)

    def _lots(self, purpose: str, keys: Sequence[str]) -> NDArray[np.float64]:
        if purpose not in self._drawn:
            self._drawn[purpose] = np.array([lot(purpose, key) for key in keys])
        return self._drawn[purpose]


def lot(purpose: str, key: str) -> float:
    """Return a number from 0 to 1 that follows from two texts and looks like chance."""
    digest = hashlib.blake2b(f"{purpose}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Assignment:
    """Which images of a project are whose, drawn anew only for images that are new.

    Parameters
    ----------
    project : ProjectCore
    """

    def __init__(self, project: ProjectCore):
        self._project = project
        self._drawn: Remembered[tuple[Lots, dict[str, int]]] = Remembered()

    def _lots(self) -> tuple[Lots, dict[str, int]]:
        from fewshot_lab.evaluation import group_keys

        def draw() -> tuple[Lots, dict[str, int]]:
            images = self._project.store.image_columns()
            lots = Lots(images.ids, group_keys(images, self._project.splits.rule))
            return lots, {image_id: at for at, image_id in enumerate(images.ids)}

        key = (len(self._project.store.ids()), self._project.splits.revision)
        return self._drawn.get(key, draw)

    def duties(self, team: Team, annotator: str) -> Duties:
        """Return an annotator's duties, along all images in the order of ``store.ids()``."""
        return self._lots()[0].duties(team, annotator)

    def assigned(self, team: Team, annotator: str, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return which of some images are an annotator's to label."""
        lots, place = self._lots()
        assigned = lots.duties(team, annotator).assigned
        return np.asarray(assigned[[place[image_id] for image_id in ids]])
