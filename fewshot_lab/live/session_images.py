"""The embedded images of a session, while they do not change."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.project import PoolView, ProjectCore

PAUSE = 5.0
"""Seconds between two looks at images that are still being embedded: each prepares the pool."""


@dataclass
class Images:
    """The embedded images, prepared, and what must not be torn apart.

    Attributes
    ----------
    key : tuple
        Other embeddings have another one.
    ids : list of str
    pool : Pool
    built : float
        ``time.monotonic()``.
    revision : int
        Of the decisions about groups and test set that hold.
    quota : array (N,) of int, or None
        A number for those that stay together, -1 for images that stand alone; None where all do.
    group : array (N,) of str, or None
    site : array (N,) of str, or None
        Where a column says it.
    view : PoolView
        What stays together, and what must not train.
    """

    key: tuple[Any, ...]
    ids: list[str]
    pool: Pool
    built: float
    revision: int
    quota: NDArray[np.int64] | None
    group: NDArray[Any] | None
    site: NDArray[Any] | None
    view: PoolView


def look_at(project: ProjectCore, old: Images | None) -> Images | None:
    """Return the images as they are now: the old ones where neither they nor groups changed."""
    embeddings = project.embeddings
    now = time.monotonic()
    if embeddings is None or not len(embeddings.ids):
        return None
    key = (embeddings.fingerprint, len(embeddings.ids))
    revision = project.splits.revision
    if old is not None and old.key == key:
        if old.revision == revision:
            return old
        pool = project.pool
        return replace(old, revision=revision, pool=pool, **_together(project, old.ids))
    if old is not None and old.key[0] == key[0] and now - old.built < PAUSE:
        return old
    _ = project.splits.grouping  # first: the pool's test set follows from the rows it reads
    pool = project.pool
    _ = pool.levelled, pool.finals  # made now, while nobody waits for a fit
    ids = list(embeddings.ids[: len(pool)])
    return Images(
        (key[0], len(ids)), ids, pool, built=now, revision=revision, **_together(project, ids)
    )


def _together(project: ProjectCore, ids: list[str]) -> dict[str, Any]:
    """Return what of these images must not be torn apart, and what must not train."""
    splits = project.splits
    return {
        "quota": splits.quota_codes(ids),
        "group": splits.groups_of(ids),
        "site": splits.sites.of(ids),
        "view": splits.pool(ids),
    }
