"""One answer for each patient of a project: by which rule, and how often it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    GroupAnswers,
    GroupFigures,
    GroupImages,
    RuleComparison,
    answers,
    compare_rules,
    group_figures,
    group_keys,
    group_labels,
    severity,
)
from fewshot_lab.files import finite
from fewshot_lab.project.costs import costs_of
from fewshot_lab.project.grades import grade_columns
from fewshot_lab.project.labels_as_arrays import label_arrays
from fewshot_lab.stats import Interval

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore

SETTING = "group_label"
LABELS = ("majority", "worst")
FEWEST = 10
"""Groups with a known class from which their answers are measured."""
RULE_WORDS = {
    "log_odds": "the mean of its images' log-odds",
    "share": "the class of most of its images",
    "worst": "the worst class that one of its images reaches",
}


@dataclass(frozen=True)
class PatientFigures:
    """What is known of the answers for patients.

    Attributes
    ----------
    by : {"majority", "worst"}
        What makes a patient's own class of the labels of its images.
    names : list of str
        The classes, in the order of the classifier's columns.
    colours : list of str
    comparison : RuleComparison
    audit : GroupFigures or None
        On patients drawn at random, none of whose images trained; None for few of them.
    shown, all_images : float
        How many images of a patient were labelled and left out, and how many there are: medians.
    without : int
        Labelled images that belong to no patient.
    """

    by: str
    names: list[str]
    colours: list[str]
    comparison: RuleComparison
    audit: GroupFigures | None
    shown: float
    all_images: float
    without: int

    @property
    def sentence(self) -> str:
        """Say which rule was chosen, why, and how good it is."""
        chosen, figures = self.comparison.chosen, self.comparison.figures
        rates = self.comparison.by_rule
        noun, rule = chosen.noun, chosen.rule
        others = ", ".join(
            f"{RULE_WORDS[name]} {_points(rate)}" for name, rate in rates.items() if name != rule
        )
        why = (
            f"no other way is better by more than chance may make of it ({others})"
            if rule == "log_odds"
            else f"that is better than {RULE_WORDS['log_odds']} by more than chance may make of it "
            f"({others})"
        )
        return (
            f"One answer for each {noun}, by {RULE_WORDS[rule]} ({figures.balanced_title.lower()} "
            f"{_points(rates[rule])}): {why}. It is right for {_between(figures.accuracy)} of "
            f"{figures.accuracy.n:,} {noun}s left out in cross-validation; image by image, "
            f"{_between(figures.image_accuracy)} of their {figures.images:,} images are."
        )

    @property
    def truth(self) -> str:
        """Say what a patient's own class is."""
        noun = self.comparison.chosen.noun
        mixed = self.comparison.figures.mixed
        how = (
            "that of most of its labelled images"
            if self.by == "majority"
            else "the worst among its labelled images"
        )
        ranking = " < ".join(self.names[k] for k in self.comparison.chosen.ranking)
        words = f"A {noun}'s own class is {how}"
        words += f"; {mixed:,} {noun}s have labels of several classes" if mixed else ""
        return f"{words}. From the mildest class to the worst: {ranking}."

    @property
    def caution(self) -> str:
        """Say which classes were not tested, and where more images would answer otherwise."""
        return " ".join(filter(None, (self._untested(), self._more_images())))

    def _untested(self) -> str:
        recall = self.comparison.figures.recall
        without = [self.names[k] for k, each in recall.items() if not each.n]
        return (
            f"No {self.comparison.chosen.noun} left out has this class, so it was not tested: "
            f"{', '.join(without)}."
            if without
            else ""
        )

    def _more_images(self) -> str:
        chosen = self.comparison.chosen
        if chosen.rule != "worst" or self.all_images < 1.5 * self.shown:
            return ""
        return (
            f"Measured on {self.shown:g} labelled images of a {chosen.noun} (median), which has "
            f"{self.all_images:g}: the more images, the likelier one of them reaches a worse "
            f"class. Label all images of some {chosen.noun}s to measure that."
        )

    @property
    def on_audit(self) -> str:
        """Say how good it is on patients drawn at random; "" where there are none."""
        if self.audit is None:
            return ""
        noun = self.comparison.chosen.noun
        return (
            f"On {self.audit.accuracy.n:,} {noun}s of the audit set, drawn at random, it is right "
            f"for {_between(self.audit.accuracy)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; metrics.json, report and card show this."""
        figures = self.comparison.figures
        report = {
            "noun": self.comparison.chosen.noun,
            "rule": self.comparison.chosen.rule,
            "own_class": self.by,
            "by_rule": {name: asdict(rate) for name, rate in self.comparison.by_rule.items()},
            **self._measured(figures),
            "audit": None if self.audit is None else self._measured(self.audit),
            "without": self.without,
            "sentence": self.sentence,
            "truth": self.truth,
            "on_audit": self.on_audit,
            "caution": self.caution,
        }
        return dict(finite(report))

    def _measured(self, figures: GroupFigures) -> dict[str, Any]:
        return {
            "accuracy": asdict(figures.accuracy),
            "balanced_accuracy": asdict(figures.balanced_accuracy),
            "balanced_title": figures.balanced_title,
            "recall": {self.names[k]: asdict(v) for k, v in figures.recall.items()},
            "confusion": {"classes": self.names, "counts": figures.confusion.tolist()},
            "mixed": figures.mixed,
            "images": figures.images,
            "image_accuracy": asdict(figures.image_accuracy),
        }


def own_class(project: ProjectCore) -> str:
    """Return what makes a patient's own class of the labels of its images.

    The worst of them where classes are ordered or errors differ in cost, else that of most.
    """
    chosen = project.store.get(SETTING)
    if chosen is not None:
        return str(chosen)
    from fewshot_lab.project.costs import error_costs
    from fewshot_lab.project.grades import grades_of

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
    rows = project.store.images()
    keys = {row.id: key for row, key in zip(rows, group_keys(rows, rule), strict=True) if key}
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
            f"for each; there are those of {count}."
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


def _points(interval: Interval) -> str:
    return f"{interval.value:.2f}"


def _between(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} % ({100 * interval.low:.0f}–{100 * interval.high:.0f})"
