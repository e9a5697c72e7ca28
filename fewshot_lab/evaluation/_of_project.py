"""From a project's rows to what the curves need."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.evaluation._advice import Advice
from fewshot_lab.evaluation._learning_curve import learning_curve
from fewshot_lab.evaluation._pace import pace

if TYPE_CHECKING:
    from fewshot_lab.project import Project

AUDIT_SHARE = 0.2


def advise(
    project: Project,
    *,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Advice:
    """Measure the learning curve of a project's labels as they are now.

    Parameters
    ----------
    project : Project
    name, parameters
        Of the classifier in use.
    check : callable
        Called between fits; it may wait, or raise to stop.
    """
    began = time.process_time()
    store = project.store
    position = store.position()
    pool = project.pool
    place = {i: row for row, i in enumerate(project.require_embeddings().ids[: len(pool)])}
    labels = {i: said.class_id for i, said in store.labels().items() if said.teaches and i in place}
    ids = sorted(labels, key=place.__getitem__)
    drawn = store.audit_ids()
    share = store.get("audit_share")
    share = AUDIT_SHARE if share is None else min(max(float(share), 0.0), 0.95)
    if len(drawn) >= share * len(pool):
        share = 0.0
    curve = None
    if ids:
        curve = learning_curve(
            pool,
            np.array([place[i] for i in ids], dtype=np.int64),
            np.array([labels[i] for i in ids], dtype=np.int64),
            audit=np.array([i in drawn for i in ids]),
            groups=project.groups_of(ids),
            name=name,
            parameters=parameters,
            audit_share=share,
            check=check,
        )
    return Advice(
        position=position,
        curve=curve,
        names={row.id: row.name for row in store.classes(include_retired=True)},
        pace=pace(store.events()),
        seconds=time.process_time() - began,
    )
