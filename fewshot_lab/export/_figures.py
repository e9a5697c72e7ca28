"""What metrics.json holds: every figure with its interval and its n."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Interval
    from fewshot_lab.project import Project, ProjectClassifier


def figures(project: Project, classifier: ProjectClassifier) -> dict[str, Any]:
    """Return the figures of a classifier by cross-validation and on the audit images.

    Returns
    -------
    dict
        ``cross_validation`` and ``audit``, each with ``balanced_accuracy``, ``recall`` per class
        name, ``confusion`` (``classes`` by ``classes``, labels in rows) and ``n``; or with
        ``balanced_accuracy`` None and ``reason``, the sentence why.
    """
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    return {
        "cross_validation": _cross_validated(classifier, names),
        "audit": _audited(project, classifier, names),
    }


def _cross_validated(classifier: ProjectClassifier, names: dict[int, str]) -> dict[str, Any]:
    from fewshot_lab.evaluation import cross_validation

    cv = cross_validation(classifier.fitted)
    if not cv.n:
        return _nothing("Every class needs labels of at least two groups to hold one out.")
    classes = [names[int(i)] for i in cv.class_ids]
    return {
        "balanced_accuracy": plain(cv.balanced_accuracy),
        "recall": {names[int(i)]: plain(interval) for i, interval in cv.recall.items()},
        "confusion": {"classes": classes, "counts": cv.confusion.tolist()},
        "n": cv.n,
        "repeats": cv.repeats,
    }


def _audited(
    project: Project, classifier: ProjectClassifier, names: dict[int, str]
) -> dict[str, Any]:
    import numpy as np

    from fewshot_lab.evaluation import audit_estimate, effective_size, wilson

    embeddings = project.require_embeddings()
    labels = project.store.labels()
    ids = [
        image_id
        for image_id in sorted(project.store.audit_ids())
        if image_id in labels and labels[image_id].teaches and embeddings.contains(image_id)
    ]
    if not ids:
        return _nothing("No image drawn at random for the audit has been labelled yet.")
    y = np.array([labels[i].class_id for i in ids], dtype=np.int64)
    fitted = classifier.fitted
    predicted = fitted.class_ids[classifier.probabilities(ids).argmax(axis=1)]
    grouped = project.groups_of(ids)
    groups = np.arange(len(ids))
    if grouped is not None:
        _, groups = np.unique(grouped.astype(str), return_inverse=True)
    classes = sorted({*y.tolist(), *fitted.class_ids.tolist()})
    position = {class_id: i for i, class_id in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, ([position[i] for i in y], [position[i] for i in predicted]), 1)
    recall = {}
    for class_id in classes:
        mine = y == class_id
        hits = (predicted[mine] == class_id).astype(float)
        size = effective_size(hits, groups[mine]) if mine.any() else 0.0
        mean = float(hits.mean()) if mine.any() else 0.0
        recall[names[class_id]] = plain(wilson(mean * size, size, images=int(mine.sum())))
    return {
        "balanced_accuracy": plain(audit_estimate(y, predicted, groups)),
        "recall": recall,
        "confusion": {"classes": [names[i] for i in classes], "counts": counts.tolist()},
        "n": len(ids),
    }


def _nothing(reason: str) -> dict[str, Any]:
    return {"balanced_accuracy": None, "reason": reason, "n": 0}


def plain(interval: Interval) -> dict[str, float | int | None]:
    """Return an interval as JSON; null where nothing could be estimated."""
    value = None if math.isnan(interval.value) else float(interval.value)
    return {
        "value": value,
        "low": float(interval.low),
        "high": float(interval.high),
        "n": int(interval.n),
    }
