"""The small facts beside the arrays: classes, history, jobs, settings."""

import time
from typing import Any

from fewshot_lab import jobs
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import GOOD_FOR, Desk, Sight
from fewshot_lab.project import conflicts, strategy_of

HISTORY_ROWS = 6
TARGET = 100


def overview(desk: Desk, position: int, seen: Sight) -> dict[str, Any]:
    """Return what the page shows of a project beside its images.

    What follows from the log is read once for each of its positions, the rest every moment.
    """
    only = seen.annotator if seen.own_log else None
    said = desk.keep(f"said {only or ''}", position, lambda: _of_the_log(desk, only))
    if seen.annotator in seen.team.seniors:
        said = said | desk.keep("conflicts", position, lambda: _to_decide(desk))
    moment = int(time.monotonic() / GOOD_FOR)
    return said | desk.keep("beside", moment, lambda: _beside_the_log(desk))


def _of_the_log(desk: Desk, annotator: str | None) -> dict[str, Any]:
    rows = desk.project.store.history(limit=HISTORY_ROWS, annotator=annotator)
    return {"classes": classes(desk), "history": [history_row(row) for row in rows]}


def _to_decide(desk: Desk) -> dict[str, Any]:
    return {"conflicts": sum(not each.decided for each in conflicts(desk.project))}


def _beside_the_log(desk: Desk) -> dict[str, Any]:
    project, store = desk.project, desk.project.store
    return {
        "title": project.title,
        "target": int(store.get("target") or TARGET),
        "map_settings": {"neighbours": 15, "min_dist": 0.1} | dict(store.get("map") or {}),
        "backbone": project.backbone_name,
        "backbone_title": _backbone_title(desk),
        "offer": desk.offer(),
        "embedded": len(desk.live.snapshot.ids),
        "advice": desk.live.advisor.told,
        "strategy": _strategy(desk),
        "columns": store.columns(),
        "has_reference": desk.has("reference"),
        "has_group": desk.has("group"),
        "jobs": [job_row(job) for job in jobs.list_jobs(project.folder)[7::-1]],
    }


def _strategy(desk: Desk) -> dict[str, Any] | None:
    try:
        return strategy_of(desk.project)
    except FewshotLabError:
        return None  # a backbone that cannot be had now


def _backbone_title(desk: Desk) -> str:
    try:
        return desk.project.backbone.card.title
    except FewshotLabError:
        return desk.project.backbone_name


def classes(desk: Desk) -> list[dict[str, Any]]:
    """Return all classes, those that are no longer in the list too: old labels need their name."""
    return [
        {
            "id": row.id,
            "name": row.name,
            "color": row.color,
            "position": row.position,
            "retired": bool(row.retired) or row.merged_into is not None,
            "merged_into": row.merged_into,
        }
        for row in desk.project.store.classes(include_retired=True)
    ]


def history_row(row: Any) -> dict[str, Any]:
    """Return one action of the log."""
    return {
        "id": row.action_id,
        "time": row.time.timestamp() if hasattr(row.time, "timestamp") else float(row.time),
        "annotator": row.annotator,
        "sentence": row.sentence,
        "view": row.view,
        "n": row.n_images,
        "undone": bool(row.undone),
        "examples": list(row.example_ids),
    }


def job_row(job: Any) -> dict[str, Any]:
    """Return how far a job is."""
    status = job.status()
    return {
        "id": job.id,
        "verb": job.verb,
        "state": status.state,
        "stage": status.stage,
        "done": status.done,
        "total": status.total,
        "seconds_left": status.seconds_left,
        "message": status.message,
    }
