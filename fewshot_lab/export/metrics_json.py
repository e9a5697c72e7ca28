"""What metrics.json holds: every figure with its interval and its n."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fewshot_lab.files import finite

if TYPE_CHECKING:
    from fewshot_lab.evaluation import AuditReport, CrossValidation, ReferenceTest, TestFigures
    from fewshot_lab.project import ProjectCore, TrainedClassifier
    from fewshot_lab.stats import Interval


def figures(project: ProjectCore, classifier: TrainedClassifier) -> dict[str, Any]:
    """Return the figures of a classifier by cross-validation and on the audit images.

    Returns
    -------
    dict
        ``cross_validation``, ``audit`` and ``test_set``, each with ``balanced_accuracy``,
        ``recall`` per class name, ``confusion`` (``classes`` by ``classes``, labels in rows), ``n``
        and ``leak_check``; or with ``balanced_accuracy`` None and ``reason``, the sentence why.
        ``disagreement`` is a sentence where the first claims more than the second bears out.
        ``other_sites`` lists what labels of other sites' images said.
        ``missing`` names the classes of which no image came: the balanced accuracy is that of the
        others.
    """
    from fewshot_lab.evaluation import cross_validation, disagreement
    from fewshot_lab.project import AuditSet, costs_of, site_audits

    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    audit, test = AuditSet(project).measure(classifier)
    noun = project.splits.rule.noun
    cv = cross_validation(
        classifier.fitted,
        classifier.training.ids,
        project.splits.groups_of(classifier.training.ids),
        noun=noun,
        pairs=project.splits.apart_pairs(classifier.training.ids),
        costs=costs_of(project, classifier.fitted.class_ids),
    )
    apart = disagreement(cv, audit.figures)
    return {
        "cross_validation": _cross_validated(cv, names, noun),
        "audit": _drawn(audit, names, noun),
        "test_set": _tested(test, names),
        "other_sites": site_audits(project),
        "disagreement": None if apart is None else apart.sentence,
    }


def _cross_validated(cv: CrossValidation, names: dict[int, str], noun: str) -> dict[str, Any]:
    why = cv.why_not(names, noun)
    if not cv.n:
        return _not_measured(why)
    classes = [names[int(i)] for i in cv.class_ids]
    return {
        **_balanced(cv.balanced_accuracy, why),
        "recall": {names[int(i)]: as_json(interval) for i, interval in cv.recall.items()},
        "confusion": {"classes": classes, "counts": cv.confusion.tolist()},
        "n": cv.n,
        "repeats": cv.repeats,
        "leak_check": cv.leaks.to_dict(),
    }


def _drawn(report: AuditReport, names: dict[int, str], noun: str) -> dict[str, Any]:
    if report.figures is None:
        return _not_measured("No image drawn at random for the audit has been labelled yet.")
    return {
        **_figures(report.figures, names, noun),
        "drawn": asdict(report.counts),
        "leak_check": report.leaks.to_dict(),
    }


def _tested(test: ReferenceTest | None, names: dict[int, str]) -> dict[str, Any]:
    if test is None or test.figures is None:
        return _not_measured("The project has no reference test set with known classes.")
    return {
        **_figures(test.figures, names),
        "by": test.by,
        "labelled": test.labelled,
        "referenced": test.referenced,
        "leak_check": test.leaks.to_dict(),
    }


def _figures(figures: TestFigures, names: dict[int, str], noun: str = "group") -> dict[str, Any]:
    def each(intervals: dict[int, Interval]) -> dict[str, Any]:
        return {names[c]: as_json(interval) for c, interval in intervals.items()}

    why = figures.why_not(names, noun)
    return {
        **_balanced(figures.balanced_accuracy, why),
        "balanced_title": figures.balanced_title,
        "missing": [names[c] for c in figures.missing],
        "accuracy": as_json(figures.accuracy),
        "recall": each(figures.recall),
        "precision": each(figures.precision),
        "prevalence": each(figures.prevalence),
        "confusion": {
            "classes": [names[c] for c in figures.class_ids],
            "counts": figures.confusion.tolist(),
        },
        "n": figures.n,
        "independent": figures.groups,
        "labels_until_narrow": figures.until_narrow,
    }


def _balanced(interval: Interval, why_not: str) -> dict[str, Any]:
    if why_not:
        return {"balanced_accuracy": None, "reason": why_not}
    return {"balanced_accuracy": as_json(interval)}


def _not_measured(reason: str) -> dict[str, Any]:
    return {"balanced_accuracy": None, "reason": reason, "n": 0}


def as_json(interval: Interval) -> dict[str, float | int | None]:
    """Return an interval as JSON; null where nothing could be estimated."""
    return dict(finite(asdict(interval)))
