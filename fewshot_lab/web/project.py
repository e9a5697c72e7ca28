"""The project beside its images: title, classes, history, settings, work in the background."""

import time
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from fewshot_lab import jobs
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import REREAD_SECONDS, PageState, Visibility, slide_index
from fewshot_lab.project import (
    conflicts,
    remove_view,
    rename_view,
    save_view,
    saved_views,
    strategy_of,
)
from fewshot_lab.web.bodies import JobBody, SettingsBody, ViewBody, needed
from fewshot_lab.web.guard import json_answer
from fewshot_lab.web.labels import class_rows, history_row

HISTORY_ROWS = 6
TARGET = 100


def overview(state: PageState, position: int, visibility: Visibility) -> dict[str, Any]:
    """Return what the page shows of a project beside its images.

    What follows from the log is read once for each of its positions, the rest every moment.
    """
    author = visibility.history_of
    parts = state.cached(("log", author), position, lambda: _from_log(state, author))
    if visibility.is_senior:
        parts = parts | state.cached("conflicts", position, lambda: _undecided(state))
    moment = int(time.monotonic() / REREAD_SECONDS)
    beside = state.cached("beside the log", moment, lambda: _beside_log(state))
    return parts | beside | {"blind": not visibility.reasons_shown}


def _from_log(state: PageState, author: str | None) -> dict[str, Any]:
    rows = state.project.store.history(limit=HISTORY_ROWS, annotator=author)
    return {"classes": class_rows(state), "history": [history_row(row) for row in rows]}


def _undecided(state: PageState) -> dict[str, Any]:
    return {"conflicts": sum(not each.decided for each in conflicts(state.project))}


def _beside_log(state: PageState) -> dict[str, Any]:
    project, store = state.project, state.project.store
    return {
        "title": project.title,
        "target": int(store.get("target") or TARGET),
        "map_settings": {"neighbours": 15, "min_dist": 0.1} | dict(store.get("map") or {}),
        "backbone": project.backbone_name,
        "backbone_title": _if_known(lambda: project.backbone.card.title, project.backbone_name),
        "offer": state.offer(),
        "embedded": len(state.live.snapshot.ids),
        "advice": state.live.advisor.as_json,
        "strategy": _if_known(lambda: strategy_of(project), None),
        "columns": state.columns(),
        "views": saved_views(store),
        "reference_names": state.reference_names(),
        "has_group": state.has_groups(),
        "slides": len(slide_index(state).slides),
        "jobs": [_job_row(job) for job in jobs.list_jobs(project.folder)[7::-1]],
    }


def _if_known(read: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return read()
    except FewshotLabError:  # a backbone that cannot be had now
        return otherwise


def change_settings(state: PageState, body: SettingsBody) -> Response:
    """Set how many labels a class should get."""
    state.project.store.set("target", body.target)
    return json_answer({"target": body.target})


def change_views(state: PageState, body: ViewBody) -> Response:
    """Save, rename or remove a view of the images, for everybody."""
    store = state.project.store
    match body.do:
        case "save":
            save_view(store, body.name, needed(body.state), body.annotator)
        case "rename":
            rename_view(store, body.name, needed(body.new_name))
        case "remove":
            remove_view(store, body.name)
    return json_answer({"views": saved_views(store)})


def change_jobs(state: PageState, body: JobBody) -> Response:
    """Start embedding or a new map, or stop a job."""
    folder = state.project.folder
    match body.do:
        case "prepare":
            running = jobs.running(folder, "prepare")
            job = running[0] if running else jobs.start(folder, "prepare", [])
        case "map":
            settings = ["--neighbours", str(body.neighbours), "--min-dist", f"{body.min_dist:g}"]
            job = jobs.start(folder, "map", [*settings, "--fresh"])
        case "stop":
            wanted = [job for job in jobs.list_jobs(folder) if job.id == body.id]
            if not wanted:
                raise FewshotLabError("There is no such job.")
            job = wanted[0]
            job.stop()
    state.project.store.note("work", do=body.do, job=job.id)
    return json_answer({"job": _job_row(job)})


def _job_row(job: jobs.Job) -> dict[str, Any]:
    status = job.status()
    return {"id": job.id, "verb": job.verb} | {
        name: getattr(status, name)
        for name in ("state", "stage", "done", "total", "seconds_left", "message")
    }
