"""What a project's probabilities are worth, and the rule that goes into its bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.classifiers import evenly_spread
from fewshot_lab.evaluation import (
    NEAR,
    PoolProbabilities,
    PoolReference,
    Probabilities,
    Settings,
    act,
    fit_kind,
    make_reference,
    nearest,
)
from fewshot_lab.project.costs import costs_of
from fewshot_lab.project.labels_as_arrays import LabelArrays, label_arrays
from fewshot_lab.stats import ENOUGH, Evidence

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Calibration, Fitted
    from fewshot_lab.embeddings import StoredVectors
    from fewshot_lab.project.training import ProjectCore

SETTING = "probabilities"
BLOCK = 4096
"""Embeddings that are read at once."""


@dataclass(frozen=True)
class Gathered:
    """What there is to judge a classifier's probabilities by.

    Attributes
    ----------
    audit : Evidence
        Labelled audit images; may be none.
    out_of_fold : Evidence
        Labelled images left out in cross-validation; may be none.
    pool : PoolProbabilities
        Embedded images that did not train.
    reference : Reference or None
    calibration : Calibration
    class_ids : array (K,)
    ids : list of str
        The pool's images.
    similarity : array (N,) or None
        Of each to the labelled images.
    kind : KindDistance or None
    kind_score : array (N,) or None
        How far each is from the pool's kind of picture; by a fit on other images.
    costs : array (K, K) or None
        What errors cost; None where all are equal.
    """

    audit: Evidence
    out_of_fold: Evidence
    pool: PoolProbabilities
    reference: Any
    calibration: Calibration
    class_ids: np.ndarray
    ids: list[str]
    similarity: np.ndarray | None
    kind: Any
    kind_score: np.ndarray | None
    costs: np.ndarray | None = None

    @property
    def evidence(self) -> Evidence:
        """What the classifier is judged on: audit images, once there are enough of them."""
        enough = len(self.audit) >= ENOUGH or not len(self.out_of_fold)
        return self.audit if enough else self.out_of_fold

    @property
    def seen(self) -> PoolReference | None:
        """What the pool looked like to the classifier; None of too few images.

        Images that trained count, too, as they were predicted when left out: the hard ones were
        labelled, and without them any further images would look harder than the pool.
        """
        pool, left = self.pool, self.out_of_fold
        if len(pool.unlike) + len(left) < FEWEST_SEEN:
            return None
        own = np.arange(len(pool.unlike)) if pool.groups is None else pool.groups
        return PoolReference.of(
            np.concatenate([pool.probabilities, left.probabilities]),
            np.concatenate([pool.unlike, left.unlike]),
            np.concatenate([own, left.groups + own.max(initial=-1) + 1]),
        )


def gather(
    project: ProjectCore, fitted: Fitted, training_ids: Sequence[str], share: float
) -> Gathered:
    """Collect the evidence of a classifier.

    Parameters
    ----------
    project : ProjectCore
    fitted : Fitted
    training_ids : sequence of str
        What it was fitted on, in order.
    share : float
        Share of the pool's own images that is called unlike anything labelled.
    """
    others, X, labels = _not_trained(project, training_ids)
    likeness = _likeness(project, training_ids, others, X, labels, share)
    p = fitted.probabilities(X) if len(others) else np.empty((0, len(fitted.class_ids)))
    codes = _codes(project.splits.groups_of(others), len(others))
    place = {int(c): k for k, c in enumerate(fitted.class_ids)}
    rows = np.flatnonzero(labels.audit & (labels.named >= 0))
    y = np.array([place.get(int(c), -1) for c in labels.named[rows]], np.int64)
    audit = Evidence(p[rows], y, codes[rows], "audit", likeness.unlike[rows])
    left = fitted.out_of_fold
    seen = ~np.isnan(left.probabilities[0, :, 0])
    out_of_fold = Evidence(
        left.probabilities[0, seen],
        left.y[seen],
        left.groups[seen],
        "out-of-fold",
        np.zeros(int(seen.sum()), dtype=bool),
    )
    pool = PoolProbabilities(p, codes, likeness.unlike)
    return Gathered(
        audit,
        out_of_fold,
        pool,
        likeness.reference,
        fitted.calibration,
        fitted.class_ids,
        others,
        likeness.similarity,
        likeness.kind,
        likeness.kind_score,
        costs_of(project, fitted.class_ids),
    )


SAMPLE = 30_000
"""Images that the cutoff is learnt from, at most; of more, some evenly spread."""


def unlike_images(
    project: ProjectCore, give_way: Callable[[], None] = lambda: None
) -> frozenset[str]:
    """Return the images unlike anything labelled by now; none where it is off.

    ``give_way`` is called between blocks of embeddings that are read; what it raises ends it.
    """
    share = settings_of(project).unlike_share
    if not share:
        return frozenset()
    training_ids = project.training_set().ids
    others, X, labels = _not_trained(project, training_ids)
    unlike = _likeness(project, training_ids, others, X, labels, share, give_way).unlike
    return frozenset(others[row] for row in np.flatnonzero(unlike))


def _not_trained(
    project: ProjectCore, training_ids: Sequence[str]
) -> tuple[list[str], StoredVectors, LabelArrays]:
    """Return the embedded images that train nothing, their embeddings and their labels."""
    embeddings, trained = project.require_embeddings(), set(training_ids)
    others = [i for i in embeddings.ids if i not in trained]
    labels = label_arrays(project.store, project.splits.pool(others))
    return others, embeddings.vectors(others), labels


@dataclass(frozen=True)
class _Likeness:
    """How like the labelled images, and the pool's kind of picture, others are (N,)."""

    unlike: np.ndarray
    reference: Any = None
    similarity: np.ndarray | None = None
    kind: Any = None
    kind_score: np.ndarray | None = None


def _likeness(
    project: ProjectCore,
    training_ids: Sequence[str],
    others: list[str],
    X: StoredVectors,
    labels: LabelArrays,
    share: float,
    give_way: Callable[[], None] = lambda: None,
) -> _Likeness:
    unlike = np.zeros(len(others), dtype=bool)
    if not share:
        return _Likeness(unlike)
    labelled = project.require_embeddings().matrix(training_ids)
    # Nor is a reference test set looked at.
    fresh = np.array([i not in labels.labels for i in others], bool) & ~labels.pool.away
    fresh_rows = evenly_spread(np.flatnonzero(fresh), SAMPLE)
    reference = make_reference(project.pool.prepare, labelled, X.at(fresh_rows), share=share * NEAR)
    similarity = None
    if reference is not None and len(others):
        similarity = nearest(reference, X, give_way)
        unlike = similarity < reference.cutoff
    kind, score = _kind(project, training_ids, others, fresh, share * (1 - NEAR), give_way)
    if kind is not None:
        unlike = unlike | (score > kind.cutoff)
    return _Likeness(unlike, reference, similarity, kind, score)


def _kind(
    project: ProjectCore,
    training_ids: Sequence[str],
    others: list[str],
    fresh: np.ndarray,
    share: float,
    give_way: Callable[[], None],
) -> tuple[Any, Any]:
    """Learn the pool's kind of picture, on what trains and what is fresh.

    Returns
    -------
    KindDistance or None, array (N,) or None
        With the scores of the others, each by a fit on other images.
    """
    embeddings = project.require_embeddings()
    trained = list(training_ids)
    ids = [*trained, *others]
    X, statistics = embeddings.vectors(ids), embeddings.statistics(ids)
    learns = np.append(np.ones(len(trained), dtype=bool), fresh)
    y = np.full(len(ids), -1, dtype=np.int64)
    y[: len(trained)] = label_arrays(project.store, project.splits.pool(trained)).named
    fitted = fit_kind(
        X.at(learns),
        None if statistics is None else statistics[learns],
        embeddings.parts,
        y[learns],
        groups=project.splits.codes(ids)[learns],
        share=share,
    )
    if fitted is None:
        return None, None
    score = np.empty(len(ids))
    for start in range(0, len(ids), BLOCK):
        give_way()
        block = slice(start, start + BLOCK)
        own = None if statistics is None else statistics[block]
        score[block] = fitted.distance.score(X[block], own)
    score[np.flatnonzero(learns)[fitted.rows]] = fitted.held_out
    return fitted.distance, score[len(trained) :]


FEWEST_SEEN = 50
"""Images whose counts can stand for a pool."""


def _codes(groups: Any, n: int) -> np.ndarray:
    if groups is None:
        return np.arange(n)
    return np.asarray(np.unique(groups.astype(str), return_inverse=True)[1])


def judge(gathered: Gathered, settings: Settings) -> Probabilities | None:
    """Return what the probabilities are worth; None where there is nothing to judge them by."""
    if not len(gathered.evidence):
        return None
    return act(
        gathered.evidence,
        gathered.pool,
        gathered.reference,
        settings,
        kind=gathered.kind,
        audit=gathered.audit,
        costs=gathered.costs,
    )


def keep_settings(project: ProjectCore, settings: Mapping[str, Any]) -> None:
    """Keep how probabilities are to be acted on: for the pages, the report and the bundle."""
    project.store.set(SETTING, Settings.of(settings).to_dict())


def settings_of(project: ProjectCore) -> Settings:
    """Return how a project's user wants to act on probabilities."""
    return Settings.of(project.store.get(SETTING))


NOTHING = "No labelled image could be held out yet: every class needs a second label."


def class_names(project: ProjectCore, class_ids: np.ndarray) -> list[str]:
    """Return the classes' names in the order of the probabilities."""
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    return [names.get(int(i), str(i)) for i in class_ids]
