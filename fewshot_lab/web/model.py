"""What the classifier says in words and figures, and the backbone that is offered for it.

Its arrays travel beside it.
"""

import math
from typing import Any

from starlette.responses import Response

from fewshot_lab import jobs
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import CrossValidation, labels_to_halve
from fewshot_lab.live import PageState, Snapshot, Visibility, suggestion_list
from fewshot_lab.project import backbone_offer, decline_offer, put_into_use
from fewshot_lab.stats import Interval
from fewshot_lab.web.bodies import OfferBody
from fewshot_lab.web.guard import json_answer

STEPS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)


def model_head(state: PageState, snapshot: Snapshot, visibility: Visibility) -> dict[str, Any]:
    """Return the snapshot's figures, suspects and suggestions as one annotator may see them."""
    hidden = visibility.hidden_ids()
    return {
        "sentence": snapshot.sentence,
        "message": snapshot.message,
        "position": snapshot.position,
        # No page shows it: benchmarks/_scale_routes.py waits by it for the colours of its labels.
        "predicted_at": snapshot.predicted_at,
        "at": snapshot.at,
        "class_ids": [int(c) for c in snapshot.class_ids],
        "cv": _cross_validation(state, snapshot.cv, hidden) if snapshot.cv else None,
        "audit": _audit(snapshot),
        "disagreement": snapshot.disagreement.sentence if snapshot.disagreement else None,
        "suspects": [
            [s.image_id, int(s.label), int(s.predicted), round(float(s.probability), 4)]
            for s in snapshot.suspects
            if s.image_id not in hidden
        ],
        "suggestions": suggestion_list(state, snapshot, visibility),
        "pair": snapshot.pairs.get(visibility.annotator),
    }


def _audit(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return what images drawn at random say; no figure before it can mean something."""
    report = snapshot.audit_report
    figures = report.figures if report else None
    if report is None or figures is None or not snapshot.class_ids:
        return None
    return {
        "drawn": report.counts.drawn,
        "waiting": report.counts.waiting,
        "to_halve": labels_to_halve(figures.accuracy, report.counts.pool),
        "accuracy": None if figures.until_narrow != 0 else _interval(figures.accuracy),
        "until_narrow": figures.until_narrow,
        "n": figures.n,
    }


def _cross_validation(state: PageState, cv: CrossValidation, hidden: set[str]) -> dict[str, Any]:
    names = {row.id: row.name for row in state.project.store.classes(include_retired=True)}
    cells = {
        f"{label},{predicted}": [image_id for image_id in ids if image_id not in hidden]
        for (label, predicted), ids in cv.cells().items()
    }
    return {
        "accuracy": _interval(cv.balanced_accuracy),
        "why_not": cv.why_not(names, state.project.splits.rule.noun),
        "leaks": cv.leaks.sentence,
        "class_ids": [int(c) for c in cv.class_ids],
        "recall": {str(int(c)): _interval(i) for c, i in cv.recall.items()},
        "confusion": cv.confusion.tolist(),
        "cells": {key: ids for key, ids in cells.items() if ids},
        "accepted": [_step(cv, above) for above in STEPS],
        "n": int(cv.n),
        "repeats": int(cv.repeats),
    }


def _step(cv: CrossValidation, above: float) -> dict[str, Any]:
    right = cv.accuracy_above(above)
    return {"above": above, "n": right.n if right else 0, "right": _interval(right)}


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    bounds = {name: _number(getattr(interval, name)) for name in ("value", "low", "high")}
    return bounds | {"n": int(interval.n)}


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def answer_offer(state: PageState, body: OfferBody) -> Response:
    """Switch to the backbone offered, or go back to the one before, or offer nothing for long."""
    project = state.project
    match body.do:
        case "take":
            offer = backbone_offer(project)
            if offer is None or offer["backbone"] != body.backbone:
                raise FewshotLabError("This offer is out of date; look again.")
            if not put_into_use(project, offer["backbone"]):
                jobs.start(project.folder, "prepare", ["--backbone", offer["backbone"]])
        case "decline":
            decline_offer(project)
    state.live.notify()
    return json_answer({"offer": state.offer(fresh=True)})
