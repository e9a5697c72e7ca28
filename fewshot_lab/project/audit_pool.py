"""The images of a project that an audit set can be drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


@dataclass(frozen=True)
class PoolView:
    """The images that can be drawn from, row by row.

    Attributes
    ----------
    ids : sequence (N,) of str
        The embedded images.
    code : array (N,) of int
        Equal for images that stay together.
    named : array (N,) of bool
        Images of a group (a patient), not only near-duplicates of another.
    place : array (N,) of int
        Place in the order of their import, from 1.
    test, away : array (N,) of bool
        The reference test set, and the same with what stays together with it: never drawn.
    reference : dict
        Of the test set, the class that came with an image, by id.
    total : int
        Images of the project, embedded or not.
    apart : array (p, 2) of int
        Near-duplicates of different groups that are not joined.
    """

    ids: Sequence[str]
    code: NDArray[np.int64]
    named: NDArray[np.bool_]
    place: NDArray[np.int64]
    test: NDArray[np.bool_]
    away: NDArray[np.bool_]
    reference: Mapping[str, str]
    total: int
    apart: NDArray[np.int64]

    @classmethod
    def of(cls, project: ProjectCore, ids: Sequence[str] | None = None) -> PoolView:
        """Look at the embedded images of a project."""
        if ids is None:
            ids = list(project.require_embeddings().ids)
        splits = project.splits
        test, away = splits.test_ids(), splits.held_out(())
        came = project.store.column("reference") if test else {}
        return cls(
            ids,
            splits.codes(ids),
            splits.in_named_group(ids),
            splits.places(ids),
            np.array([i in test for i in ids], dtype=bool),
            np.array([i in away for i in ids], dtype=bool),
            {i: str(name) for i, name in came.items() if i in test},
            len(project.store.ids()),
            splits.apart_pairs(ids),
        )

    def held_out(self, audit: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what must not train (N,): audit and test images and what goes with them."""
        held = self.away | np.isin(self.code, self.code[audit])
        tested = audit | self.test
        a, b = self.apart.T
        held[a[tested[b]]] = True
        held[b[tested[a]]] = True
        return np.asarray(held)
