"""What the next labels of a project are worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.evaluation import Advice, learning_curve, pace
from fewshot_lab.project.audit_rate import audit_share
from fewshot_lab.sampling import COLD_LABELS_PER_CLASS

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore


def advise(
    project: ProjectCore,
    fitted: Fitted,
    *,
    check: Callable[[], None] = lambda: None,
) -> Advice:
    """Measure the learning curve of a project's labels as they are now.

    Parameters
    ----------
    project : ProjectCore
    fitted : Fitted
        The classifier in use.
    check : callable
        Called between fits; it may wait, or raise to stop.
    """
    began = time.process_time()
    store = project.store
    position = store.position()
    pool = fitted.pool_read(project.pool)
    place = {i: row for row, i in enumerate(project.require_embeddings().ids[: len(pool)])}
    labels = {i: said.class_id for i, said in store.labels().items() if said.teaches and i in place}
    drawn = store.audit_ids()
    # What shares a group with an audit image, and the test set, neither trains nor is tested on.
    apart = project.splits.held_out(drawn) - drawn
    ids = sorted(labels.keys() - apart, key=place.__getitem__)
    share = audit_share(project)
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
            name=fitted.name,
            parameters=fitted.parameters,
            audit_share=share,
            picked=len(set(ids) - drawn) >= COLD_LABELS_PER_CLASS * len({labels[i] for i in ids}),
            check=check,
        )
    return Advice(
        position=position,
        curve=curve,
        names={row.id: row.name for row in store.classes(include_retired=True)},
        pace=pace(store.events()),
        seconds=time.process_time() - began,
    )
