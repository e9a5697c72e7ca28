"""What a refit rests on: what the settings ask for, and what trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.project import (
    ErrorCost,
    LabelArrays,
    ProjectCore,
    audit_share,
    class_pairs,
    error_costs,
    settings_of,
    strategy_of,
)


@dataclass(frozen=True)
class RefitSettings:
    """What the project's settings ask for."""

    name: str
    share: float
    strategy: str
    costs: tuple[ErrorCost, ...]
    pairs: frozenset[tuple[str, tuple[int, int]]]
    unlike_share: float

    @classmethod
    def of(cls, project: ProjectCore) -> RefitSettings:
        """Read them."""
        name = str(project.store.get("classifier") or "auto")
        return cls(
            name,
            audit_share(project),
            strategy_of(project)["strategy"],
            error_costs(project),
            frozenset(class_pairs(project).items()),
            settings_of(project).unlike_share,
        )


@dataclass(frozen=True)
class TrainingRows:
    """What trains: rows of the pool, class ids, and shares of opinions where these differ."""

    rows: NDArray[np.int64]
    y: NDArray[np.int64]
    shares: list[tuple[tuple[int, float], ...]]

    @classmethod
    def of(cls, labels: LabelArrays) -> TrainingRows:
        """Take it from all labels."""
        rows = np.flatnonzero(labels.trains >= 0)
        shares = [labels.shares.get(r, ()) for r in rows.tolist()] if labels.shares else []
        return cls(rows, labels.trains[rows], shares)

    @property
    def class_ids(self) -> tuple[int, ...]:
        """The classes, in ascending order."""
        return tuple(np.unique(self.y).tolist())

    @property
    def key(self) -> tuple[bytes, bytes, str]:
        """Equal for labels that train the same classifier."""
        return self.rows.tobytes(), self.y.tobytes(), str(self.shares)
