"""The audit set of a project, and what it says of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation import (
    AuditCounts,
    AuditReport,
    LeakCheck,
    ReferenceTest,
    check_sides,
    choose,
    groups_lacking,
    test_figures,
)
from fewshot_lab.project.audit_draws import AuditDraws
from fewshot_lab.project.costs import costs_of
from fewshot_lab.project.labels_as_arrays import LabelArrays, label_arrays
from fewshot_lab.project.pool_view import PoolView
from fewshot_lab.stats import Stratum, audit_weights

if TYPE_CHECKING:
    from fewshot_lab.project.training import TrainedClassifier


@dataclass(frozen=True)
class Predictions:
    """Predictions of a classifier for the pool, with the labels.

    Attributes
    ----------
    labels : LabelArrays
    class_ids : sequence of int
    predicted : array (N,) or None
        Class ids, by row of the pool; None without a classifier.
    trained : array (N,) of bool
        Images that the classifier learned from.
    groups : array (N,) of str, or None
        As :meth:`Splits.groups_of` returns it.
    """

    labels: LabelArrays
    class_ids: Sequence[int]
    predicted: NDArray[np.int64] | None
    trained: NDArray[np.bool_]
    groups: NDArray[Any] | None


class AuditSet(AuditDraws):
    """Images drawn at random, labelled like the others, and the figures from them.

    Every image of the pool has the same chance, labelled or not, so the labelled audit images
    represent the whole pool, however the other labelled images were chosen. An image drawn after it
    was labelled keeps its label and no longer trains. Groups are drawn as a whole, and all of their
    images stay out of training.
    """

    def report(self, predictions: Predictions) -> AuditReport:
        """Return the figures of predictions on the audit images."""
        labels = predictions.labels
        pool = labels.pool
        drawn = labels.audit & ~pool.away
        drawn_labels = [labels.labels.get(i) for i in pool.at(np.flatnonzero(drawn))]
        kinds = [label.kind if label is not None else "" for label in drawn_labels]
        answered = drawn & (labels.named >= 0)
        counts = AuditCounts(
            pool=int((~pool.away).sum()),
            drawn=len(drawn_labels),
            labelled=int(answered.sum()),
            unsure=kinds.count("unsure"),
            rejected=kinds.count("reject"),
            waiting=kinds.count(""),
            held_out=int((labels.held & ~drawn & ~pool.away).sum()),
        )
        leaks, leaking = self._check(predictions, drawn)
        at = np.flatnonzero(answered & ~leaking)
        if predictions.predicted is None or not len(at):
            return AuditReport(counts, None, leaks)
        design = self.design(pool.total, len(labels.audit_ids))
        weights = audit_weights(design, set(pool.at(at)), self._sizes(pool, design))
        at = np.array([pool.row[i] for i in pool.at(at) if i in weights], np.int64)
        if not len(at):
            return AuditReport(counts, None, leaks)
        weighted = [weights[i] for i in pool.at(at)]
        figures = test_figures(
            labels.named[at],
            predictions.predicted[at],
            predictions.class_ids,
            weights=np.array([each.weight for each in weighted]),
            groups=pool.code[at],
            strata=np.unique([each.stratum for each in weighted], return_inverse=True)[1],
            pool=counts.pool,
            lacking=_lacking(predictions, at),
        )
        return AuditReport(counts, figures, leaks)

    def reference(self, predictions: Predictions) -> ReferenceTest | None:
        """Return the figures of predictions on the reference test set; None if there is none.

        An annotator's label counts, else the class that came with the image.
        """
        labels = predictions.labels
        pool = labels.pool
        rows = np.flatnonzero(pool.test)
        if not len(rows):
            return None
        by_name = {name.casefold(): class_id for class_id, name in labels.names.items()}
        came = [pool.reference.get(i, "").casefold() for i in pool.at(rows)]
        labelled = labels.named[rows] >= 0
        y = np.where(labelled, labels.named[rows], [by_name.get(name, -1) for name in came])
        leaks, leaking = self._check(predictions, pool.test)
        known = (y >= 0) & ~leaking[rows]
        figures = None
        if predictions.predicted is not None and known.any():
            at = rows[known]
            figures = test_figures(
                y[known], predictions.predicted[at], predictions.class_ids, groups=pool.code[at]
            )
        return ReferenceTest(
            pool.grouping.test_by,
            len(rows),
            int(labelled.sum()),
            int((~labelled & (y >= 0)).sum()),
            figures,
            leaks,
        )

    def measure(self, classifier: TrainedClassifier) -> tuple[AuditReport, ReferenceTest | None]:
        """Return a fitted classifier's figures on the audit set and the reference test set."""
        labels = label_arrays(self._project.store, self._project.splits.pool())
        ids = labels.pool.ids
        fitted = classifier.fitted
        costs = costs_of(self._project, fitted.class_ids)
        predictions = Predictions(
            labels,
            fitted.class_ids.tolist(),
            fitted.class_ids[choose(classifier.probabilities(ids), costs)],
            labels.pool.mask(classifier.training.ids),
            self._project.splits.groups_of(ids),
        )
        return self.report(predictions), self.reference(predictions)

    def _check(
        self, predictions: Predictions, tested: NDArray[np.bool_]
    ) -> tuple[LeakCheck, NDArray[np.bool_]]:
        """Hold both sides against the groups; which tested rows leak (N,)."""
        pool, trained, groups = predictions.labels.pool, predictions.trained, predictions.groups
        rows = np.flatnonzero(trained | tested)
        leaks, torn = check_sides(
            None if groups is None else groups[rows],
            trained[rows],
            tested[rows],
            pool.at(rows),
            noun=self._project.splits.rule.noun,
            pairs=_within(pool.apart, rows, len(pool.ids)),
        )
        leaking = np.zeros(len(pool.ids), dtype=bool)
        leaking[rows[torn]] = True
        return leaks, leaking

    def _sizes(self, pool: PoolView, design: Sequence[Sequence[Stratum]]) -> dict[int, int]:
        low, sizes = 0, {}
        for until in sorted({s.until for draw in design for s in draw}):
            inside = ~pool.away & (pool.place > low) & (pool.place <= until)
            sizes[until], low = max(int(inside.sum()), 1), until
        return sizes


def _lacking(predictions: Predictions, at: NDArray[np.int64]) -> dict[int, int]:
    """Return the classes that rest on too few groups, given the labelled audit images."""
    labels, predicted = predictions.labels, predictions.predicted
    pool = labels.pool
    groups = len(np.unique(pool.code[at]))
    if groups == len(at) or predicted is None:
        return {}
    kind = np.where(labels.named >= 0, labels.named, predicted)[~pool.away]
    return groups_lacking(
        kind, pool.code[~pool.away], predictions.class_ids, groups=groups, images=len(at)
    )


def _within(pairs: NDArray[np.int64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return those pairs whose both rows are among some, as positions in these."""
    place = np.full(n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    positions = place[pairs]
    return np.asarray(positions[(positions >= 0).all(axis=1)])
