"""The audit set of a project, and what it says of a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    groups_lacking,
    test_figures,
)
from fewshot_lab.project.audit_draws import AuditDraws
from fewshot_lab.project.audit_pool import PoolView
from fewshot_lab.stats import Stratum, audit_weights

if TYPE_CHECKING:
    from fewshot_lab.project.training import TrainedClassifier
    from fewshot_lab.store import Label


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of the pool, and what people say.

    Attributes
    ----------
    pool : PoolView
    labels : mapping
        By image id.
    class_ids : sequence of int
    predicted : array (N,) or None
        Class ids, by row of the pool; None without a classifier.
    trained : array (N,) of bool
        Images that the classifier learned from.
    groups : array (N,) of str, or None
        As ``Project.groups_of`` returns it.
    """

    pool: PoolView
    labels: Mapping[str, Label]
    class_ids: Sequence[int]
    predicted: NDArray[np.int64] | None
    trained: NDArray[np.bool_]
    groups: NDArray[Any] | None


class AuditSet(AuditDraws):
    """Images drawn at random, labelled like the others, and what they say.

    Every image of the pool has the same chance, labelled or not, so that the labelled audit
    images stand for the whole pool whatever decided which others were labelled. One that is drawn
    after it was labelled keeps its label, and no longer trains. Where images have groups, groups
    are drawn and stay out of training as a whole.
    """

    def report(self, told: Predictions) -> AuditReport:
        """Return what the audit images say of predictions."""
        pool, labels = told.pool, told.labels
        everything = self._project.store.audit_ids()
        row = {image_id: k for k, image_id in enumerate(pool.ids) if image_id in everything}
        drawn = np.zeros(len(pool.ids), dtype=bool)
        drawn[list(row.values())] = True
        drawn &= ~pool.away
        said = {i: labels.get(i) for i, k in row.items() if drawn[k]}
        kinds = [label.kind if label is not None else "" for label in said.values()]
        answered = {
            i: int(label.class_id)
            for i, label in said.items()
            if label is not None and label.teaches and label.class_id is not None
        }
        counts = AuditCounts(
            pool=int((~pool.away).sum()),
            drawn=len(said),
            labelled=len(answered),
            unsure=kinds.count("unsure"),
            rejected=kinds.count("reject"),
            waiting=kinds.count(""),
            held_out=int((pool.held_out(drawn) & ~drawn & ~pool.away).sum()),
        )
        leaks, leaking = self._check(told, drawn)
        ids = [i for i in answered if not leaking[row[i]]]
        if told.predicted is None or not ids:
            return AuditReport(counts, None, leaks)
        design = self.design(pool.total, len(everything))
        weights = audit_weights(design, set(ids), self._sizes(pool, design))
        ids = [i for i in ids if i in weights]
        if not ids:
            return AuditReport(counts, None, leaks)
        at = np.array([row[i] for i in ids], np.int64)
        figures = test_figures(
            np.array([answered[i] for i in ids], np.int64),
            told.predicted[at],
            told.class_ids,
            weights=np.array([weights[i].weight for i in ids]),
            groups=pool.code[at],
            strata=np.unique([weights[i].stratum for i in ids], return_inverse=True)[1],
            pool=counts.pool,
            lacking=_lacking(told, at),
        )
        return AuditReport(counts, figures, leaks)

    def reference(self, told: Predictions) -> ReferenceTest | None:
        """Return what the reference test set says of predictions; None where there is none.

        What people said of an image counts, else the class that came with it.
        """
        pool = told.pool
        rows = np.flatnonzero(pool.test)
        if not len(rows):
            return None
        by_name = {row.name.casefold(): row.id for row in self._project.classes()}
        said = [told.labels.get(pool.ids[r]) for r in rows.tolist()]
        y = np.array(
            [
                label.class_id
                if label is not None and label.teaches and label.class_id is not None
                else -1
                for label in said
            ],
            np.int64,
        )
        labelled = y >= 0
        came = [
            by_name.get(pool.reference.get(pool.ids[r], "").casefold(), -1) for r in rows.tolist()
        ]
        y = np.where(labelled, y, np.array(came, np.int64))
        leaks, leaking = self._check(told, pool.test)
        known = (y >= 0) & ~leaking[rows]
        figures = None
        if told.predicted is not None and known.any():
            at = rows[known]
            figures = test_figures(
                y[known], told.predicted[at], told.class_ids, groups=pool.code[at]
            )
        return ReferenceTest(
            self._project.splits.test_by,
            len(rows),
            int(labelled.sum()),
            int((~labelled & (y >= 0)).sum()),
            figures,
            leaks,
        )

    def measure(self, classifier: TrainedClassifier) -> tuple[AuditReport, ReferenceTest | None]:
        """Return what the audit set and the reference test set say of a fitted classifier."""
        project = self._project
        pool = PoolView.of(project)
        labels = project.store.labels()
        fitted = classifier.fitted
        predicted = fitted.class_ids[classifier.probabilities(pool.ids).argmax(axis=1)]
        learned = set(classifier.training.ids)
        trained = np.array([i in learned for i in pool.ids], dtype=bool)
        groups = project.groups_of(pool.ids)
        told = Predictions(pool, labels, fitted.class_ids.tolist(), predicted, trained, groups)
        return self.report(told), self.reference(told)

    def _check(
        self, told: Predictions, tested: NDArray[np.bool_]
    ) -> tuple[LeakCheck, NDArray[np.bool_]]:
        """Hold both sides against the groups; which tested rows leak (N,)."""
        pool, trained, groups = told.pool, told.trained, told.groups
        splits = self._project.splits
        some = np.flatnonzero(trained | tested)
        leaks, torn = check_sides(
            None if groups is None else groups[some],
            trained[some],
            tested[some],
            [pool.ids[k] for k in some.tolist()],
            noun=splits.rule.noun,
            pairs=_within(pool.apart, some, len(pool.ids)),
        )
        leaking = np.zeros(len(pool.ids), dtype=bool)
        leaking[some[torn]] = True
        return leaks, leaking

    def _sizes(self, pool: PoolView, design: Sequence[Sequence[Stratum]]) -> dict[int, int]:
        low, sizes = 0, {}
        for until in sorted({s.until for draw in design for s in draw}):
            inside = ~pool.away & (pool.place > low) & (pool.place <= until)
            sizes[until], low = max(int(inside.sum()), 1), until
        return sizes


def _lacking(told: Predictions, at: NDArray[np.int64]) -> dict[int, int]:
    """Return the classes that rest on too few groups, given the labelled audit images."""
    pool = told.pool
    groups = len(np.unique(pool.code[at]))
    if groups == len(at):
        return {}
    assert told.predicted is not None
    kind = told.predicted.astype(np.int64)
    for k, image_id in enumerate(pool.ids):
        label = told.labels.get(image_id)
        if label is not None and label.teaches and label.class_id is not None:
            kind[k] = label.class_id
    inside = ~pool.away
    return groups_lacking(
        kind[inside], pool.code[inside], told.class_ids, groups=groups, images=len(at)
    )


def _within(pairs: NDArray[np.int64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return those pairs whose both rows are among some, as positions in these."""
    place = np.full(n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    found = place[pairs]
    return np.asarray(found[(found >= 0).all(axis=1)])
