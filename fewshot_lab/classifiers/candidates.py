"""What is compared by cross-validation: settings of families, on the labels at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.calibration import fit_temperature, log_loss
from fewshot_lab.classifiers.lda import fit_lda
from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.pooled_lda import COMPONENTS, fit_pooled
from fewshot_lab.classifiers.soft_labels import SoftLabels
from fewshot_lab.classifiers.softmax import balanced_weights, fit_softmax
from fewshot_lab.classifiers.svm import Sigmoid, held_out_decisions

Float = NDArray[np.floating[Any]]

PENALTIES = (2.0, 8.0, 32.0)
SHRINKAGES = (0.1, 0.2, 0.4, 0.6, 0.8)
MACHINES = tuple((gamma, C) for gamma in (0.5, 1.0) for C in (1.0, 3.0, 10.0))
TOLERANCE, CLOSE, WEAK_TOLERANCE = 1e-2, 1e-3, 3e-3
"""When LogReg stops: out of fold, on all labels, and in both with next to no penalty.

There it is stopping that keeps the scores small, so it must be the same in both.
"""


@dataclass
class Labels:
    """The labelled images as the candidates need them."""

    pool: Pool
    X: NDArray[Any]
    Z: Float  # (n, q): coordinates in the axes below
    axes: Float | None  # (p, q): None where they are the pool's own
    y: NDArray[np.int64]
    n_classes: int
    groups: NDArray[np.int64]
    folds: NDArray[np.int64]  # (R, n)
    rows: NDArray[np.int64] | None
    check: Callable[[], None]
    soft: SoftLabels | None = None  # its classes as indices, like y
    # Rows of the pool that are unlabelled, and looked at.
    spare: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @cached_property
    def weights(self) -> Float:
        """Weight of each image, so that every class weighs the same (n,)."""
        return balanced_weights(self.y, self.n_classes, np.ones(len(self.y), dtype=bool))

    @cached_property
    def taught(self) -> tuple[NDArray[np.int64] | slice, NDArray[np.int64], Float]:
        """What trains: which image (t,), as which class (t,), with which weight (t,)."""
        soft = self.soft
        if soft is None:
            return slice(None), self.y, self.weights
        of_class = np.ones(self.n_classes, dtype=np.float32)
        of_class[self.y] = self.weights
        return (
            np.concatenate([np.arange(len(self.y)), soft.at]),
            np.concatenate([self.y, soft.y]),
            np.concatenate([self.weights * soft.own, of_class[soft.y] * soft.weight]),
        )

    @cached_property
    def levelled(self) -> Labels:
        """The same labels in the levelled view of the pool."""
        pool = self.pool.levelled
        return replace(self, pool=pool, **coordinates(pool, self.X, self.rows))

    @cached_property
    def finals(self) -> Labels:
        """The same labels as the final embeddings alone show them."""
        pool = self.pool.finals
        return replace(self, pool=pool, **coordinates(pool, self.X, self.rows))

    @cached_property
    def leading(self) -> tuple[Float, Float]:
        """Labelled (n, q) and unlabelled images (m, q) in the pool's leading axes."""
        pool, rows = self.pool, self.rows
        labelled = pool.rotate(self.X) if rows is None else pool.rotated[rows]
        return (
            np.ascontiguousarray(labelled[:, :COMPONENTS]),
            np.ascontiguousarray(pool.rotated[self.spare, :COMPONENTS]),
        )

    @cached_property
    def cosines(self) -> Float:
        """Cosines between the labelled images (n, n)."""
        if self.rows is not None:
            return self.pool.cosines_among(self.rows)
        Z = self.pool.prepare(self.X)
        return Z @ Z.T

    def fold_weights(self, fold: NDArray[np.int64]) -> Float:
        """Return (F, t): the weights of what is kept in each fold."""
        image, _, weights = self.taught
        masks = [fold[image] != f for f in range(int(fold.max(initial=-1)) + 1)]
        return np.array([np.where(m, weights, 0) for m in masks], dtype=np.float32)


@dataclass
class Candidate:
    """One setting of one family, and its out-of-fold scores so far."""

    family: str
    setting: Any
    scores: list[Float]
    temperature: float = 1.0
    correct: float = 0.0
    loss: float = np.inf


def settings_of(family: str) -> tuple[Any, ...]:
    """Return the settings of a family that are compared."""
    return {"lda": SHRINKAGES, "logreg": PENALTIES, "rbf-svm": MACHINES}[family]


def held_out_scores(
    family: str, settings: tuple[Any, ...], labels: Labels, repeat: int
) -> list[Float]:
    """Return out-of-fold scores (n, K) of each setting in one repeat; NaN where not held out."""
    fold = labels.folds[repeat]
    n, K, S = len(labels.y), labels.n_classes, len(settings)
    image, y, _ = labels.taught
    if family == "rbf-svm":
        out = held_out_decisions(
            labels.cosines, labels.y, fold, list(settings), K, soft=labels.soft
        )
        return list(out)
    out = np.full((S, n, K), np.nan, dtype=np.float32)
    weights = labels.fold_weights(fold)
    if not len(weights):
        return list(out)
    if family == "pooled":
        W = fit_pooled(labels.leading[0][image], y, K, weights, labels.leading[1])[:, None]
    elif family == "lda":
        W = fit_lda(
            labels.Z[image], y, K, weights, settings, dimensions=labels.pool.rotated.shape[1]
        )
    else:
        F = len(weights)
        C = np.tile(np.asarray(settings, dtype=np.float32), F)
        tolerance = WEAK_TOLERANCE if max(settings) > max(PENALTIES) else TOLERANCE
        flat = fit_softmax(
            labels.Z[image], y, K, np.repeat(weights, S, axis=0), C, tolerance=tolerance
        )
        W = flat.reshape(F, S, *flat.shape[1:])
    for f in range(len(weights)):
        held = fold == f
        Z = (labels.leading[0] if family == "pooled" else labels.Z)[held]
        for s in range(S):
            out[s, held] = Z @ W[f, s, :-1] + W[f, s, -1]
    return list(out)


def scored_candidate(family: str, setting: Any, labels: Labels) -> Candidate:
    """Return a setting of a family, scored out of fold in all repeats and judged."""
    candidate = Candidate(family, setting, [])
    for repeat in range(len(labels.folds)):
        candidate.scores += held_out_scores(family, (setting,), labels, repeat)
        labels.check()
    judge(candidate, labels)
    return candidate


def judge(candidate: Candidate, labels: Labels) -> None:
    """Fill in the candidate's temperature, balanced accuracy and log loss over its repeats."""
    image, classes, weight = labels.taught
    repeats = len(candidate.scores)
    scores = np.concatenate([each[image] for each in candidate.scores])
    y, weights = np.tile(classes, repeats), np.tile(weight, repeats)
    known = ~np.isnan(scores[:, 0])
    if not known.any():
        candidate.temperature = guess_of(candidate.family, alone=True)
        return
    # Right or wrong by what most say; the loss is against every opinion.
    first = np.tile(np.arange(len(classes)) < len(labels.y), repeats)[known]
    scores, y, weights = scores[known], y[known], weights[known]
    hit = first & (scores.argmax(axis=1) == y)
    count = np.bincount(y[first], minlength=labels.n_classes)
    right = np.bincount(y[hit], minlength=labels.n_classes)
    candidate.correct = float((right[count > 0] / count[count > 0]).mean())
    share = np.float32(1 / len(candidate.scores))
    if candidate.family == "rbf-svm":
        p = Sigmoid.fit(scores, y, weights * share)(scores)
        own = np.maximum(p[np.arange(len(y)), y], 1e-6)
        candidate.loss = float(np.average(-np.log(own), weights=weights))
    else:
        guess = guess_of(candidate.family)
        candidate.temperature = fit_temperature(scores, y, weights * share, guess=guess)
        candidate.loss = log_loss(scores, y, weights, candidate.temperature)


def noise_of(a: Candidate, b: Candidate, labels: Labels) -> float:
    """Return the standard error of the difference of two balanced accuracies, image by image."""
    known = ~np.isnan(np.stack(a.scores)[:, :, 0])
    held = known.any(axis=0)
    if a is b or not held.any():
        return 0.0
    hits = [(np.stack(c.scores).argmax(axis=2) == labels.y) & known for c in (a, b)]
    gap = (hits[0].sum(axis=0) - hits[1].sum(axis=0))[held] / known.sum(axis=0)[held]
    y = labels.y[held]
    count = np.bincount(y, minlength=labels.n_classes)
    mean = np.bincount(y, weights=gap, minlength=labels.n_classes) / np.maximum(count, 1)
    spread = np.bincount(y, weights=(gap - mean[y]) ** 2, minlength=labels.n_classes)
    seen = count > 0
    variance = (spread[seen] / np.maximum(count[seen] - 1, 1) / count[seen]).sum()
    return float(np.sqrt(variance) / seen.sum())


def guess_of(family: str, *, alone: bool = False) -> float:
    """Return the temperature of a family's scores to begin with.

    ``alone``: where no image could be held out, so that it stays. With one image of each class
    nothing is known of the spread within: LDA would be sure of everything.
    """
    if alone:
        return {"lda": 48.0, "pooled": 48.0, "stack": 5.0}.get(family, 1.0)
    return 4.0 if family in ("lda", "pooled") else 1.0


def coordinates(pool: Pool, X: NDArray[Any], rows: NDArray[np.int64] | None) -> dict[str, Any]:
    """Return where labelled images lie in a pool's axes, and the axes: ``Z`` and ``axes``.

    Fewer images than components: the axes that they span.
    """
    Z, axes = pool.rotate(X) if rows is None else pool.rotated[rows], None
    if len(Z) < Z.shape[1]:
        axes = np.linalg.svd(Z, full_matrices=False)[2].T.astype(np.float32)
        Z = Z @ axes
    return {"Z": Z, "axes": axes}


def coefficients(family: str, setting: Any, labels: Labels) -> Float:
    """Fit one of the linear families on all labels; return (p + 1, K) in the pool's axes."""
    image, y, weights = labels.taught
    if family == "pooled":
        labelled, unlabelled = labels.leading
        W = fit_pooled(labelled[image], y, labels.n_classes, weights[None], unlabelled)[0]
        rest = labels.pool.rotated.shape[1] - labelled.shape[1]
        return np.insert(W, [len(W) - 1] * rest, 0, axis=0)
    if family == "lda":
        W = fit_lda(
            labels.Z[image],
            y,
            labels.n_classes,
            weights[None],
            (setting,),
            dimensions=labels.pool.rotated.shape[1],
        )[0, 0]
    else:
        W = fit_softmax(
            labels.Z[image],
            y,
            labels.n_classes,
            weights[None],
            np.array([setting], dtype=np.float32),
            tolerance=WEAK_TOLERANCE if setting > max(PENALTIES) else CLOSE,
        )[0]
    if labels.axes is None:
        return np.asarray(W)
    return np.concatenate([labels.axes @ W[:-1], W[-1:]])
