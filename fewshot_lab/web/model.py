"""What a snapshot says in words and figures; its arrays travel beside it."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.live import Desk, Roll, Sight, suggestions
from fewshot_lab.stats import wilson

if TYPE_CHECKING:
    from fewshot_lab.evaluation import CrossValidation
    from fewshot_lab.live import Snapshot
    from fewshot_lab.stats import Interval

KEPT_STRATEGIES = 500
STEPS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)


def model_head(desk: Desk, snapshot: "Snapshot", roll: Roll, seen: Sight) -> dict[str, Any]:
    """Return the snapshot's figures, suspects and suggestions as one annotator may see them."""
    unseen = seen.unseen(roll)
    listed: list[dict[str, Any]] = [
        {
            "id": s.image_id,
            "reason": s.reason,
            "strategy": s.strategy,
            "audit": bool(s.audit),
            "classes": [int(c) for c in s.classes],
        }
        for s in snapshot.suggestions
    ]
    # Whoever may not be told why an image was suggested sends none along with the label.
    newest = {s.image_id: s.strategy for s in snapshot.suggestions}
    desk.strategies = newest | {i: s for i, s in desk.strategies.items() if i not in newest}
    while len(desk.strategies) > KEPT_STRATEGIES:
        desk.strategies.popitem()
    return {
        "name": snapshot.name,
        "sentence": snapshot.sentence,
        "message": snapshot.message,
        "position": snapshot.position,
        "at": snapshot.at,
        "seconds": _number(snapshot.fit_seconds),
        "class_ids": [int(c) for c in snapshot.class_ids],
        "cv": _cross_validation(snapshot.cv, unseen) if snapshot.cv else None,
        "audit": _interval(snapshot.audit) if snapshot.audit else None,
        "suspects": [
            [s.image_id, int(s.label), int(s.predicted), round(float(s.probability), 4)]
            for s in snapshot.suspects
            if s.image_id not in unseen
        ],
        "suggestions": suggestions(roll, listed, seen),
    }


def _cross_validation(cv: "CrossValidation", unseen: set[str]) -> dict[str, Any]:
    place = {int(c): k for k, c in enumerate(cv.class_ids)}
    labels = np.array([place[int(c)] for c in cv.y], dtype=np.int64)
    return {
        "accuracy": _interval(cv.balanced_accuracy),
        "leaks": cv.leaks.sentence,
        "class_ids": [int(c) for c in cv.class_ids],
        "recall": {str(int(c)): _interval(i) for c, i in cv.recall.items()},
        "confusion": cv.confusion.tolist(),
        "cells": _cells(cv, labels, unseen),
        "accepted": _accepted(cv, labels),
        "n": int(cv.n),
        "repeats": int(cv.repeats),
    }


def _cells(cv: "CrossValidation", labels: np.ndarray, unseen: set[str]) -> dict[str, list[str]]:
    """Return the images that each cell of the confusion matrix counts, the surest first."""
    predicted = cv.predicted
    cells: dict[str, list[str]] = {}
    for at in np.argsort(-np.nan_to_num(cv.out_of_fold).max(axis=1), kind="stable"):
        if predicted[at] >= 0:
            key = f"{int(cv.class_ids[labels[at]])},{int(cv.class_ids[predicted[at]])}"
            if cv.ids[at] not in unseen:
                cells.setdefault(key, []).append(cv.ids[at])
    return cells


def _accepted(cv: "CrossValidation", labels: np.ndarray) -> list[dict[str, Any]]:
    """Return how many of the predictions at least that sure were right, out of fold."""
    held = ~np.isnan(cv.out_of_fold[:, 0])
    sure = cv.out_of_fold[held].max(axis=1)
    right = cv.out_of_fold[held].argmax(axis=1) == labels[held]
    steps = []
    for above in STEPS:
        taken = sure >= above
        n = int(taken.sum())
        hits = int(right[taken].sum())
        steps.append({"above": above, "n": n, "right": _interval(wilson(hits, n)) if n else None})
    return steps


def _interval(interval: "Interval") -> dict[str, Any]:
    return {
        "value": _number(interval.value),
        "low": _number(interval.low),
        "high": _number(interval.high),
        "n": int(interval.n),
    }


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), 5)
