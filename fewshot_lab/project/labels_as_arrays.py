"""Labels as arrays: what counts for each embedded image, and which of them may train."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.project.pool_view import PoolView
from fewshot_lab.store import Label, Store


@dataclass(frozen=True)
class LabelArrays:
    """The labels at one position of the log, by row of the embedded images.

    Attributes
    ----------
    pool : PoolView
    position : int
    named : array (N,) of int
        Class id of a label that counts, -1 without one. Not of an image that is unsure, rejected
        or was accepted in bulk.
    trains : array (N,) of int
        The same of images that may train, -1 for all others.
    marked : array (N,) of bool
        With any label: class (also accepted in bulk), unsure or reject.
    audit : array (N,) of bool
        Drawn for the audit set, and not in the test set.
    held : array (N,) of bool
        Must not train: audit and test images, and what goes with them.
    skipped : array (N,) of bool
    labels : dict
        By image id.
    audit_ids : collection of str
        The audit set, embedded or not.
    names : dict
        Class id to name.
    shares : dict
        Row to the shares of further opinions.
    """

    pool: PoolView
    position: int
    named: NDArray[np.int64]
    marked: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    labels: dict[str, Label]
    names: dict[int, str]
    shares: dict[int, tuple[tuple[int, float], ...]]
    audit_ids: Collection[str] = ()
    audit: NDArray[np.bool_] = field(init=False)
    held: NDArray[np.bool_] = field(init=False)
    trains: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        held = self.pool.held_out(self.audit_ids)
        object.__setattr__(self, "audit", self.pool.mask(self.audit_ids) & ~self.pool.test)
        object.__setattr__(self, "held", held)
        object.__setattr__(self, "trains", np.where(held, -1, self.named))

    def with_audit(self, audit_ids: Collection[str]) -> LabelArrays:
        """Return the same with another audit set."""
        return replace(self, audit_ids=audit_ids)


def label_arrays(store: Store, pool: PoolView) -> LabelArrays:
    """Read the labels of embedded images as they are now."""
    position = store.position()
    labels = store.labels()
    row = pool.row
    named = np.full(len(row), -1, dtype=np.int64)
    for image_id, label in labels.items():
        if label.teaches and label.class_id is not None and image_id in row:
            named[row[image_id]] = label.class_id
    marked = pool.mask(labels)
    if store.team().rule != "latest":
        # What people disagree on waits for a senior, not for one more label.
        marked |= pool.mask(store.opinions())
    return LabelArrays(
        pool=pool,
        position=position,
        named=named,
        marked=marked,
        skipped=pool.mask(store.skipped()),
        labels=labels,
        names={each.id: each.name for each in store.classes()},
        shares={row[i]: label.shares for i, label in labels.items() if label.shares and i in row},
        audit_ids=store.audit_ids(),
    )
