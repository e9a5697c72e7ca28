"""Patients, grades and costs of errors: everything that is measured of them, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.costs import cost_figures
from fewshot_lab.project.grades import grade_figures
from fewshot_lab.project.patients import patient_figures
from fewshot_lab.project.probabilities import Gathered, class_names, gather

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.evaluation import GroupAnswers
    from fewshot_lab.project.training import ProjectCore, TrainedClassifier


def clinical_figures(
    project: ProjectCore, fitted: Fitted, training_ids: Sequence[str], gathered: Gathered
) -> tuple[dict[str, Any], GroupAnswers | None]:
    """Return what is measured of patients, grades and costs, and how a patient is answered.

    Parameters
    ----------
    project : ProjectCore
    fitted : Fitted
    training_ids : sequence of str
        What it was fitted on, in order.
    gathered : Gathered
        The same classifier's.

    Returns
    -------
    dict
        ``patients``, ``grades`` and ``costs`` as JSON, each with ``reason`` if not measured.
    GroupAnswers or None
    """
    names = class_names(project, gathered.class_ids)
    evidence, class_ids = gathered.evidence, gathered.class_ids
    chosen = None
    try:
        by_patient = patient_figures(project, fitted, training_ids)
        patients, chosen = by_patient.to_dict(), by_patient.comparison.chosen
    except FewshotLabError as error:
        patients = {"reason": str(error)}
    figures = {
        "patients": patients,
        "grades": grade_figures(project, evidence, class_ids, names, gathered.costs),
        "costs": cost_figures(project, evidence, class_ids, names),
    }
    return figures, chosen


def clinical_report(project: ProjectCore, classifier: TrainedClassifier) -> dict[str, Any]:
    """Return what is measured of a classifier's patients, grades and costs as JSON."""
    fitted, ids = classifier.fitted, classifier.training.ids
    return clinical_figures(project, fitted, ids, gather(project, fitted, ids, 0.0))[0]
