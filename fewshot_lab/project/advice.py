"""What the next labels of a project are worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.evaluation import Advice, learning_curve, pace
from fewshot_lab.project.audit_rate import audit_share
from fewshot_lab.project.labels_as_arrays import label_arrays
from fewshot_lab.sampling import COLD_LABELS_PER_CLASS

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore


def advise(
    project: ProjectCore, fitted: Fitted, *, check: Callable[[], None] = lambda: None
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
    pool = fitted.pool_read(project.pool)
    ids = list(project.require_embeddings().ids[: len(pool)])
    labels = label_arrays(store, project.splits.pool(ids))
    # What shares a group with an audit image, and the test set, neither trains nor is tested on.
    rows = np.flatnonzero((labels.named >= 0) & (~labels.held | labels.audit))
    share = audit_share(project)
    if len(labels.audit_ids) >= share * len(pool):
        share = 0.0
    curve = None
    if len(rows):
        y = labels.named[rows]
        picked = int((~labels.audit[rows]).sum())
        curve = learning_curve(
            pool,
            rows,
            y,
            audit=labels.audit[rows],
            groups=project.splits.groups_of([ids[k] for k in rows]),
            name=fitted.name,
            parameters=fitted.parameters,
            audit_share=share,
            picked=picked >= COLD_LABELS_PER_CLASS * len(np.unique(y)),
            check=check,
        )
    return Advice(
        position=labels.position,
        curve=curve,
        labelled=np.unique(labels.named[rows]).tolist(),
        names={row.id: row.name for row in store.classes(include_retired=True)},
        pace=pace(store.events()),
        seconds=time.process_time() - began,
    )
