"""One answer for each patient of a project: by which rule, and how often it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    GroupAnswers,
    GroupFigures,
    GroupImages,
    answers,
    compare_rules,
    group_figures,
    group_keys,
    group_labels,
    severity,
)
from fewshot_lab.project.costs import costs_of, error_costs
from fewshot_lab.project.grades import grade_columns, grades_of
from fewshot_lab.project.labels_as_arrays import label_arrays
from fewshot_lab.project.patients_report import PatientFigures

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore

SETTING = "group_label"
LABELS = ("majority", "worst")
FEWEST = 10
"""Groups with a known class from which their answers are measured."""


def own_class(project: ProjectCore) -> str:
    """Return what makes a patient's own class of the labels of its images.

    The worst of them where classes are ordered or errors differ in cost, else that of most.
    """
    chosen = project.store.get(SETTING)
    if chosen is not None:
        return str(chosen)
    return "worst" if grades_of(project) or error_costs(project) else "majority"


def set_own_class(project: ProjectCore, by: str | None) -> None:
    """Choose what makes a patient's own class: "majority", "worst", or None for the default.

    Raises
    ------
    FewshotLabError
    """
    if by is not None and by not in LABELS:
        raise FewshotLabError(f"A patient's own class is not by {by!r}: use majority or worst.")
    project.store.set(SETTING, by)


def patient_figures(
    project: ProjectCore, fitted: Fitted, training_ids: Sequence[str]
) -> PatientFigures:
    """Choose the rule for one answer per patient by cross-validation, and measure it.

    Parameters
    ----------
    project : ProjectCore
    fitted : Fitted
    training_ids : sequence of str
        What it was fitted on, in order.

    Raises
    ------
    FewshotLabError
        Where images have no groups, or too few groups have a known class.
    """
    rule = project.splits.rule
    columns = project.store.image_columns()
    keys = {i: key for i, key in zip(columns.ids, group_keys(columns, rule), strict=True) if key}
    if not keys:
        raise FewshotLabError(
            "The images have no groups: say under Groups, test set which belong to one patient."
        )
    left = fitted.out_of_fold
    seen = ~np.isnan(left.probabilities[0, :, 0])
    ids = [training_ids[k] for k in np.flatnonzero(seen).tolist()]
    images, without = _grouped(ids, keys, left.probabilities[0, seen], left.y[seen], project)
    count = int(images.groups.max(initial=-1)) + 1
    if count == len(images.y):
        raise FewshotLabError(
            f"Every labelled image is a {rule.noun} of its own: an answer for each {rule.noun} "
            "is that for its image."
            if count
            else f"No labelled image of a {rule.noun} could be held out yet."
        )
    if count < FEWEST:
        raise FewshotLabError(
            f"Labelled images of {FEWEST} {rule.noun}s at least are needed to measure one answer "
            f"for each. {rule.noun.capitalize()}s with labelled images so far: {count}."
        )
    K = len(fitted.class_ids)
    costs = costs_of(project, fitted.class_ids)
    by = own_class(project)
    order = grade_columns(project, fitted.class_ids)
    ranking = severity(images.y, images.groups, K, order, costs)
    comparison = compare_rules(images, ranking, by, noun=rule.noun, costs=costs)
    classes = {row.id: row for row in project.store.classes(include_retired=True)}
    of_patient = Counter(keys.values())
    labelled = Counter(keys[i] for i in ids if i in keys)
    return PatientFigures(
        by,
        [classes[int(i)].name for i in fitted.class_ids],
        [classes[int(i)].color for i in fitted.class_ids],
        comparison,
        _audit(project, fitted, keys, comparison.chosen, by, costs),
        float(np.median(list(labelled.values()))),
        float(np.median([of_patient[key] for key in labelled])),
        without,
    )


def _grouped(
    ids: Sequence[str], keys: dict[str, str], p: np.ndarray, y: np.ndarray, project: ProjectCore
) -> tuple[GroupImages, int]:
    """Return the images that have a group, and how many have none."""
    has = np.array([i in keys for i in ids], dtype=bool)
    kept = [i for i in ids if i in keys]
    code = np.unique([keys[i] for i in kept], return_inverse=True)[1].astype(np.int64)
    return GroupImages(p[has], y[has], code, project.splits.codes(kept)), int((~has).sum())


def _audit(
    project: ProjectCore,
    fitted: Fitted,
    keys: dict[str, str],
    chosen: GroupAnswers,
    by: str,
    costs: np.ndarray | None,
) -> GroupFigures | None:
    labels = label_arrays(project.store, project.splits.pool())
    rows = np.flatnonzero(labels.audit & (labels.named >= 0))
    ids = labels.pool.at(rows)
    if len({keys[i] for i in ids if i in keys}) < FEWEST:
        return None
    place = {int(c): k for k, c in enumerate(fitted.class_ids)}
    y = np.array([place.get(int(c), -1) for c in labels.named[rows]], np.int64)
    X = project.require_embeddings().matrix(ids).astype(np.float32)
    images, _ = _grouped(ids, keys, fitted.probabilities(X), y, project)
    truth = group_labels(images, chosen.ranking, by)
    return group_figures(images, truth, answers(images, chosen, costs), costs, held_out=False)
