"""What each strategy of suggestions would have cost on a project's labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.evaluation import ReplayPlan, replay, verdict
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.ground_truth import as_known, truth_of

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


def replay_of(
    project: ProjectCore,
    *,
    plan: ReplayPlan | None = None,
    labels: str = "own",
    progress: Progress = silent,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return what each strategy would have cost in labels; see :meth:`Studies.replay`."""
    truth = truth_of(project, labels)
    pool = project.pool
    place = {i: row for row, i in enumerate(project.require_embeddings().ids[: len(pool)])}
    ids = sorted(truth.keys() & place.keys())
    classes = sorted({truth[i] for i in ids})
    rows = np.array([place[i] for i in ids], dtype=np.int64)
    y = np.array([classes.index(truth[i]) for i in ids], dtype=np.int64)
    result = replay(
        pool.rotated[rows], y, project.splits.groups_of(ids), plan, progress=progress, check=check
    )
    result = as_known(project, ids, result)
    result = {"project": project.name, "labels": labels, "at": time.time(), **result}
    return result | {"verdict": verdict(result)}
