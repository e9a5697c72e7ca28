"""The embedded images of a project, row by row, with what of them must stay together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.project.grouping import Grouping
from fewshot_lab.project.held_out import held_out


@dataclass(frozen=True)
class PoolView:
    """The embedded images, and what of them must not be torn apart.

    Attributes
    ----------
    ids : list (N,) of str
    code : array (N,) of int
        Equal for images that stay together.
    named : array (N,) of bool
        Images of a group (a patient), not only near-duplicates of another.
    place : array (N,) of int
        Place in the order of their import, from 1.
    test, away : array (N,) of bool
        The reference test set, and all that must not train because of it: never drawn.
    reference : dict
        Of the test set, the class that came with an image, by id.
    total : int
        Images of the project, embedded or not.
    apart : array (p, 2) of int
        Near-duplicates of different groups that are not joined.
    grouping : Grouping
        Of all images of the project.
    """

    ids: list[str]
    code: NDArray[np.int64]
    named: NDArray[np.bool_]
    place: NDArray[np.int64]
    test: NDArray[np.bool_]
    away: NDArray[np.bool_]
    reference: Mapping[str, str]
    total: int
    apart: NDArray[np.int64]
    grouping: Grouping = field(repr=False)

    @cached_property
    def row(self) -> dict[str, int]:
        """Image id to row."""
        return {image_id: k for k, image_id in enumerate(self.ids)}

    def at(self, rows: NDArray[np.integer[Any]]) -> list[str]:
        """Return the ids of some rows."""
        return [self.ids[k] for k in rows.tolist()]

    def mask(self, ids: Iterable[str]) -> NDArray[np.bool_]:
        """Return which images are among some (N,)."""
        mask = np.zeros(len(self.ids), dtype=bool)
        mask[[self.row[i] for i in ids if i in self.row]] = True
        return mask

    def held_out(self, audit: Iterable[str]) -> NDArray[np.bool_]:
        """Return what must not train (N,): see :func:`held_out`."""
        return along(held_out(self.grouping, audit), self.place - 1)


def along(mask: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask of all images along some rows; False for images that are not known."""
    return np.append(mask, False)[rows]
