"""One refit: from the labels of a project to what a snapshot holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Fitted, fit, fit_same, soft_labels
from fewshot_lab.evaluation import CrossValidation, cross_validation, disagreement
from fewshot_lab.live.next_batch import Suggester
from fewshot_lab.live.pool_scores import PoolScores, Scorer
from fewshot_lab.live.refit_inputs import RefitSettings, TrainingRows
from fewshot_lab.live.session_images import Images
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.live.suspects import Suspects
from fewshot_lab.project import (
    AuditSet,
    LabelArrays,
    Predictions,
    ProjectCore,
    costs_of,
    label_arrays,
)

WHOLE, FIRST = 200_000, 50_000
"""In a larger pool a label's first snapshot has new predictions of so many images, others with
every label, and of all that anything is measured of; the others' follow in the next snapshot."""
PATIENCE = 0.15
"""Seconds: where choosing a classifier takes longer, the last choice shows its colours before."""


class Overtaken(Exception):  # noqa: N818
    """New labels have come: what is being computed is out of date."""


@dataclass(frozen=True)
class Refitted:
    """What a refit came to.

    Attributes
    ----------
    position : int
        Of the log, whose labels it is of.
    message : str
        Why there is no classifier; "" where there is one.
    fields : dict
        Of the snapshot.
    quick_at : float or None
        When a quick classifier was fitted anew, of which a thorough one may follow.
    rest : callable or None
        Returns the fields that change once all images are looked at; None where they were.
    """

    position: int
    message: str
    fields: dict[str, Any]
    quick_at: float | None = None
    rest: Callable[[], dict[str, Any]] | None = None


class Refit:
    """Fits, measures and suggests; keeps what need not be made again for the same labels.

    Parameters
    ----------
    project : ProjectCore
    """

    def __init__(self, project: ProjectCore) -> None:
        self._project = project
        self._audit_set = AuditSet(project)
        self._suggester = Suggester(project, self._audit_set)
        self._suspects = Suspects(project.store)
        self._drawn_for: tuple[Any, ...] | None = None
        self._fit_key: tuple[Any, ...] | None = None
        self._scored: tuple[Any, int] | None = None
        self._quick_seconds = 0.0

    def of(
        self,
        images: Images,
        settings: RefitSettings,
        last: Snapshot,
        *,
        quick: bool,
        check: Callable[[int], None],
    ) -> Refitted:
        """Fit on the labels as they are now, measure, and choose what comes next.

        Parameters
        ----------
        images, settings
            What there is, and how it is to be fitted.
        last : Snapshot
            Whose classifier is good still where the labels that train are the same.
        quick : bool
            Leave out what takes long.
        check : callable
            Called between steps of a long fit with the log's position of its labels; what it
            raises ends it.
        """
        labels = label_arrays(self._project.store, images.view)
        # Once for the same labels: to look at a page again must not change its figures.
        drawn_for = (labels.position, images.key, images.revision, settings.share)
        if drawn_for != self._drawn_for:
            labels = self._suggester.draw(images, labels, settings.share)
            self._drawn_for = drawn_for
        trained = labels.trains >= 0
        classes = len(np.unique(labels.trains[trained]))
        if classes < 2:
            return self._without_classifier(images, labels, settings, classes)
        fitted, quick_at = self._fitted(images, labels, settings, last, quick=quick, check=check)
        class_ids = tuple(int(c) for c in fitted.class_ids)
        scorer = Scorer(fitted, images.pool, costs_of(self._project, fitted.class_ids))
        give_way = partial(check, labels.position)
        first = self._first(images, labels, last, class_ids) if quick else None
        if fitted is last.fitted and last.whole and last.predicted_at == last.position:
            scores, first = PoolScores.within(last), None
        else:
            scores = _scores(scorer, first, last, (lambda: None) if quick else give_way)
        self._scored = images.key, images.revision
        suggest = partial(
            self._suggester.suggest,
            images,
            labels,
            strategy=settings.strategy,
            share=settings.share,
            probabilities=scores.probabilities,
            class_ids=class_ids,
        )
        ids = [images.ids[r] for r in np.flatnonzero(trained)]
        predictions = Predictions(labels, class_ids, scores.predicted, trained, images.group)
        report = self._audit_set.report(predictions)
        test = self._audit_set.reference(predictions)
        cv = last.cv if fitted is last.fitted else self._validated(fitted, images, trained)
        apart = disagreement(cv, report.figures)
        fields = {
            **scores.fields,
            "class_ids": class_ids,
            "whole": first is None,
            "cv": cv,
            "audit_report": report,
            "disagreement": apart,
            "test": test,
            "suspects": self._suspects.of(
                fitted, ids, labels.position, disagreeing=apart is not None
            ),
            "suggestions": suggest(among=first),
            "between": {
                pair: suggest(pair=pair, among=first)
                for pair in {pair for _, pair in settings.pairs}
                if set(pair) <= set(class_ids)
            },
            "sentence": fitted.sentence,
            "name": fitted.name,
            "fitted": fitted,
        }
        rest = None if first is None else lambda: scorer(check=give_way).fields
        return Refitted(labels.position, "", fields, quick_at, rest)

    def preview(
        self, images: Images, settings: RefitSettings, last: Snapshot
    ) -> dict[str, Any] | None:
        """Return what the classifier chosen last predicts once fitted on the labels of now.

        Fields of the snapshot; None where a new choice takes no time, is due because classes have
        come or gone, or changes nothing.
        """
        fitted = last.fitted
        if fitted is None or fitted.recipe is None or self._quick_seconds < PATIENCE:
            return None
        labels = label_arrays(self._project.store, images.view)
        training = TrainingRows.of(labels)
        key = self._key(images, training, settings)
        same = self._fit_key is not None and self._fit_key[0] == key[0]
        if not same or self._fit_key == key or training.class_ids != last.class_ids:
            return None
        again = fit_same(fitted, **_what_trains(images, training))
        if again is None:
            return None
        scorer = Scorer(again, images.pool, costs_of(self._project, again.class_ids))
        first = self._first(images, labels, last, training.class_ids)
        return _scores(scorer, first, last).fields | {"predicted_at": labels.position}

    def _first(
        self, images: Images, labels: LabelArrays, last: Snapshot, class_ids: tuple[int, ...]
    ) -> NDArray[np.bool_] | None:
        """Return which images (N,) a large pool's first snapshot scores anew; None for all."""
        n = len(images.ids)
        if (
            n <= WHOLE
            or last.class_ids != class_ids
            or self._scored != (images.key, images.revision)
        ):
            return None
        first = labels.marked | labels.audit | labels.pool.test
        step = -(-n // FIRST)
        first[labels.position % step :: step] = True
        return first

    def _without_classifier(
        self, images: Images, labels: LabelArrays, settings: RefitSettings, classes: int
    ) -> Refitted:
        message = (
            "All labels are of one class: label images of a second one."
            if classes
            else "Label images of at least two classes, and the classifier starts."
        )
        none = np.zeros(len(images.ids), dtype=bool)
        predictions = Predictions(labels, (), None, none, images.group)
        fields = {
            "audit_report": self._audit_set.report(predictions),
            "suggestions": self._suggester.suggest(
                images, labels, strategy=settings.strategy, share=settings.share
            ),
        }
        return Refitted(labels.position, message, fields)

    def _fitted(
        self,
        images: Images,
        labels: LabelArrays,
        settings: RefitSettings,
        last: Snapshot,
        *,
        quick: bool,
        check: Callable[[int], None],
    ) -> tuple[Fitted, float | None]:
        """Return a classifier of the labels, and when it was fitted quickly.

        Where the labels that train are those of the last snapshot, its classifier is good still.
        """
        training = TrainingRows.of(labels)
        key = self._key(images, training, settings)
        if quick and self._fit_key == key and last.fitted is not None:
            return last.fitted, None
        began = time.monotonic()
        rows = training.rows
        fitted = fit(
            **_what_trains(images, training),
            name=settings.name,
            groups=None if images.group is None else images.group[rows],
            near_duplicates=None,
            sites=None if images.site is None else images.site[rows],
            quick=quick,
            check=lambda: None if quick else check(labels.position),
        )
        self._fit_key = key
        if not quick:
            return fitted, None
        self._quick_seconds = (now := time.monotonic()) - began
        return fitted, now

    @staticmethod
    def _key(images: Images, training: TrainingRows, settings: RefitSettings) -> tuple[Any, ...]:
        """Return what a classifier and what is measured of it rest on."""
        return (images.key, images.revision, settings.name), training.key, settings.costs

    def _validated(
        self, fitted: Fitted, images: Images, trained: NDArray[np.bool_]
    ) -> CrossValidation:
        splits = self._project.splits
        ids = [images.ids[r] for r in np.flatnonzero(trained)]
        return cross_validation(
            fitted,
            ids,
            None if images.group is None else images.group[trained],
            noun=splits.rule.noun,
            pairs=splits.apart_pairs(ids),
            costs=costs_of(self._project, fitted.class_ids),
        )


def _what_trains(images: Images, training: TrainingRows) -> dict[str, Any]:
    """Return it by the names of :func:`fit` and :func:`fit_same`."""
    return {
        "X": images.pool.X[training.rows],
        "y": training.y,
        "pool": images.pool,
        "rows": training.rows,
        "apart": images.view.away,
        "soft": soft_labels(training.y, training.shares),
    }


def _scores(
    scorer: Scorer,
    first: NDArray[np.bool_] | None,
    last: Snapshot,
    check: Callable[[], None] = lambda: None,
) -> PoolScores:
    """Return new scores of all images; where some come first, those of the others as they were."""
    if first is None:
        return scorer(check=check)
    rows = np.flatnonzero(first)
    return PoolScores.within(last).replaced(rows, scorer(rows))
