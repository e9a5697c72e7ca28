"""Classes that are grades: in which order, and how far grades given are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab import words
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import by_cost
from fewshot_lab.files import finite
from fewshot_lab.project.costs import class_id
from fewshot_lab.stats import Evidence, at_least, grade_error, quadratic_kappa

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder

SETTING = "grades"


def grades_of(project: ProjectFolder) -> tuple[int, ...]:
    """Return the class ids from the lowest grade to the highest; none where they are no grades.

    Nor while a class has no place in the order, as one that was added since.
    """
    order = [int(i) for i in project.store.get(SETTING) or []]
    live = {row.id for row in project.store.classes()}
    order = [i for i in order if i in live]
    return tuple(order) if set(order) == live and len(order) > 1 else ()


def set_grades(project: ProjectFolder, names: Sequence[str]) -> None:
    """Declare the classes ordered, from the lowest grade to the highest; by no name: they are not.

    Raises
    ------
    FewshotLabError
        For an order that leaves out a class, or names one twice or none.
    """
    order = [class_id(project, name) for name in names]
    rows = project.store.classes()
    twice = [name for k, name in enumerate(names) if order[k] in order[:k]]
    if twice:
        raise FewshotLabError(f"The order names {twice[0]} twice: name each class once.")
    gap = [row.name for row in rows if row.id not in order]
    if order and gap:
        raise FewshotLabError(
            f"The order has a gap: it leaves out {', '.join(gap)}. Name each class once, from the "
            "lowest grade to the highest."
        )
    if order and len(order) < 2:
        raise FewshotLabError("One class makes no order: there are no grades yet.")
    project.store.set(SETTING, order or None)


def grade_columns(project: ProjectFolder, class_ids: np.ndarray) -> list[int] | None:
    """Return a classifier's columns by rising grade; None where its classes are no grades."""
    place = {int(c): k for k, c in enumerate(class_ids)}
    order = [place[i] for i in grades_of(project) if i in place]
    return order if len(order) == len(place) else None


def grade_figures(
    project: ProjectFolder,
    evidence: Evidence,
    class_ids: np.ndarray,
    names: Sequence[str],
    costs: np.ndarray | None,
) -> dict[str, Any]:
    """Return how far predicted grades are from the true ones as JSON.

    Returns
    -------
    dict
        ``order``, ``kappa`` (quadratic-weighted), ``error`` (mean absolute, in grades),
        ``at_least`` for each grade but the lowest, and a ``sentence``; or ``reason``.
    """
    columns = grade_columns(project, class_ids)
    if columns is None:
        declared = project.store.get(SETTING)
        gap = "A class has no place in the order of grades yet." if declared else ""
        return {"reason": gap or "The classes are not declared to be grades."}
    evidence = by_cost(evidence, costs).take(np.flatnonzero(evidence.y >= 0))
    if not len(evidence):
        return {"reason": "No image with a grade could be held out yet."}
    grade = np.argsort(columns)
    y, predicted = grade[evidence.y], grade[evidence.predicted]
    K, code = len(columns), np.unique(evidence.groups, return_inverse=True)[1]
    groups = None if len(np.unique(code)) == len(code) else code
    kappa = quadratic_kappa(y, predicted, K, groups)
    error = grade_error(y, predicted, K, groups)
    levels = at_least(y, evidence.probabilities[:, columns], code)
    order = [names[k] for k in columns]
    worst = max(levels, key=lambda level: level.error.value)
    far, off = int((np.abs(y - predicted) > 1).sum()), worst.error
    figures = {
        "order": order,
        "evidence": evidence.words,
        "kappa": asdict(kappa),
        "error": asdict(error),
        "far": far,
        "n": len(y),
        "at_least": [{**asdict(level), "grade": order[level.grade]} for level in levels],
        "sentence": (
            f"By grade: quadratic-weighted kappa {_shown(kappa)}, mean error {_shown(error)} "
            f"grades, {far:,} of {len(y):,} images off by more than one, {evidence.words}. The "
            f"probability of “at least {order[worst.grade]}” is off the most: by "
            f"{100 * off.value:.1f} % ({100 * off.low:.1f}–{100 * off.high:.1f})."
        ),
    }
    return dict(finite(figures))


def _shown(interval: Any) -> str:
    if interval.value != interval.value:
        return "cannot be told"
    return words.interval(interval.value, interval.low, interval.high)
