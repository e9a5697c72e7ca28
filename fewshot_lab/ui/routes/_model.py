"""What a snapshot says in words and figures; its arrays travel beside it."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.ui.routes._desk import Desk

if TYPE_CHECKING:
    from fewshot_lab.evaluation import CrossValidation, Interval
    from fewshot_lab.live import Snapshot


def model_head(desk: Desk, snapshot: "Snapshot") -> dict[str, Any]:
    """Return the snapshot's figures, suspects and suggestions as JSON can say them."""
    return {
        "name": snapshot.name,
        "sentence": snapshot.sentence,
        "message": snapshot.message,
        "position": snapshot.position,
        "at": snapshot.at,
        "seconds": _number(snapshot.fit_seconds),
        "class_ids": [int(c) for c in snapshot.class_ids],
        "cv": _cross_validation(snapshot.cv) if snapshot.cv else None,
        "audit": _interval(snapshot.audit) if snapshot.audit else None,
        "suspects": [
            [s.image_id, int(s.label), int(s.predicted), round(float(s.probability), 4)]
            for s in snapshot.suspects
        ],
        "suggestions": [
            {
                "id": s.image_id,
                "reason": s.reason,
                "strategy": s.strategy,
                "audit": bool(s.audit),
                "classes": [int(c) for c in s.classes],
            }
            for s in snapshot.suggestions
        ],
    }


def _cross_validation(cv: "CrossValidation") -> dict[str, Any]:
    return {
        "accuracy": _interval(cv.balanced_accuracy),
        "class_ids": [int(c) for c in cv.class_ids],
        "recall": {str(int(c)): _interval(i) for c, i in cv.recall.items()},
        "confusion": np.asarray(cv.confusion).round(2).tolist(),
        "n": int(cv.n),
        "repeats": int(cv.repeats),
    }


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
