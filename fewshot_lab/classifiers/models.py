"""What a fitted classifier computes, apart from how it was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.preparation import Preparation, first_columns
from fewshot_lab.classifiers.probability_maps import Isotonic, Map, Sigmoids
from fewshot_lab.classifiers.rows import by_rows

Float = NDArray[np.floating[Any]]
Places = NDArray[np.int64] | None
Check = Callable[[], None]


class Model(Protocol):
    """From embeddings to calibrated probabilities, columns in the order of the class index."""

    def probabilities(self, X: NDArray[Any]) -> Float:
        """Return (n, K) for embeddings (n, d)."""

    def pool_probabilities(self, pool: Pool, rows: Places, check: Check) -> Float:
        """Return (m, K) for some images of the pool that the model was fitted with, all if None."""

    def to_sklearn(self, class_ids: NDArray[np.int64]) -> Any:
        """Return an estimator of stock scikit-learn classes with the same probabilities."""


@dataclass(frozen=True)
class Linear:
    """A linear function of prepared embeddings, mapped to probabilities.

    Attributes
    ----------
    prepare : Preparation
    rotated_coefficients : array (p + 1, K)
        In the pool's principal axes, temperature included, the intercept in the last row.
    coefficients : array (d + 1, K)
        The same in the embedding's axes.
    map : Map
        From its scores to probabilities.
    """

    prepare: Preparation
    rotated_coefficients: Float
    coefficients: Float
    map: Map

    @classmethod
    def of(cls, pool: Pool, rotated: Float, map: Map) -> Linear:
        """Carry coefficients in the pool's axes back to the embedding's."""
        # The maps are unchanged by what is common to all classes: keep the numbers small.
        rotated = rotated - rotated.mean(axis=1, keepdims=True)
        rotated = rotated.astype(np.float32)
        full = np.concatenate([pool.rotation @ rotated[:-1], rotated[-1:]])
        return cls(pool.prepare, rotated, full.astype(np.float32), map)

    def scores(self, X: NDArray[Any]) -> Float:
        """Return scores (n, K) of embeddings (n, d)."""
        return np.asarray(self.prepare(X) @ self.coefficients[:-1] + self.coefficients[-1])

    def pool_scores(self, pool: Pool, rows: Any) -> Float:
        """Return scores (m, K) of some images of the pool, by number or as a slice."""
        slopes, offset = self.rotated_coefficients[:-1], self.rotated_coefficients[-1]
        return np.asarray(pool.rotated[rows] @ slopes + offset)

    def probabilities(self, X: NDArray[Any]) -> Float:
        """Return (n, K) for embeddings (n, d)."""
        return self.map(self.scores(X))

    def pool_probabilities(self, pool: Pool, rows: Places, check: Check) -> Float:
        """Return (m, K) for some images of the pool, all if None."""
        return by_rows(lambda at: self.map(self.pool_scores(pool, at)), len(pool), rows, check)

    def to_sklearn(self, class_ids: NDArray[np.int64]) -> Any:
        """Return the preparation and a LogisticRegression as a Pipeline, calibrated by its map."""
        from sklearn.pipeline import Pipeline

        head = _logistic(self.coefficients, self.map, class_ids)
        return Pipeline([*self.prepare.sklearn_steps(), ("classifier", head)])


@dataclass(frozen=True)
class TwoViews:
    """The sum of two linear functions, one of each view of the embeddings.

    Attributes
    ----------
    plain, levelled : Linear
        Their own maps are not used.
    map : Map
        From the sum of their scores to probabilities.
    """

    plain: Linear
    levelled: Linear
    map: Map

    def probabilities(self, X: NDArray[Any]) -> Float:
        """Return (n, K) for embeddings (n, d)."""
        return self.map(self.plain.scores(X) + self.levelled.scores(X))

    def pool_probabilities(self, pool: Pool, rows: Places, check: Check) -> Float:
        """Return (m, K) for some images of the pool, all if None."""
        plain, levelled = self.plain, self.levelled

        def answer(at: Any) -> Float:
            return self.map(plain.pool_scores(pool, at) + levelled.pool_scores(pool.levelled, at))

        return by_rows(answer, len(pool), rows, check)

    def to_sklearn(self, class_ids: NDArray[np.int64]) -> Any:
        """Return both preparations side by side and a LogisticRegression of all their features."""
        from sklearn.pipeline import FeatureUnion, Pipeline

        parts = (self.plain, self.levelled)
        both = [
            (name, Pipeline(part.prepare.sklearn_steps()))
            for name, part in zip(("plain", "levelled"), parts, strict=True)
        ]
        W = np.concatenate([p.coefficients[:-1] for p in parts])
        b = sum(p.coefficients[-1:] for p in parts)
        head = _logistic(np.concatenate([W, b]), self.map, class_ids)
        return Pipeline([("views", FeatureUnion(both)), ("classifier", head)])


def _logistic(coefficients: Float, map: Map, class_ids: NDArray[np.int64]) -> Any:
    """Return coefficients (d + 1, K) as a fitted LogisticRegression, calibrated by a map."""
    from sklearn.linear_model import LogisticRegression

    W, b = coefficients[:-1].astype(np.float64), coefficients[-1].astype(np.float64)
    if len(class_ids) == 2:
        coef, intercept = (W[:, 1] - W[:, 0])[None], np.array([b[1] - b[0]])
    else:
        coef, intercept = W.T, b
    head = LogisticRegression()
    head.classes_ = np.asarray(class_ids)
    head.coef_ = np.ascontiguousarray(coef)
    head.intercept_ = np.ascontiguousarray(intercept)
    head.n_features_in_ = len(W)
    head.n_iter_ = np.array([1], dtype=np.int32)
    if isinstance(map, Isotonic):
        return calibrated(_by_probability(head), map, np.asarray(class_ids))
    return head


def _by_probability(head: Any) -> Any:
    """Return a classifier's stock twin that has probabilities and no decisions.

    CalibratedClassifierCV maps decisions where there are any; an isotonic map is of probabilities.
    """
    from sklearn.ensemble import VotingClassifier
    from sklearn.preprocessing import LabelEncoder

    vote = VotingClassifier([("softmax", head)], voting="soft")
    vote.estimators_ = [head]
    vote.le_ = LabelEncoder().fit(head.classes_)
    vote.classes_ = head.classes_
    return vote


def calibrated(head: Any, map: Map, class_ids: NDArray[np.int64]) -> Any:
    """Return a CalibratedClassifierCV around a fitted classifier, with the map's own values."""
    from sklearn.calibration import (
        CalibratedClassifierCV,
        _CalibratedClassifier,
        _SigmoidCalibration,
    )
    from sklearn.isotonic import IsotonicRegression

    parts = []
    if isinstance(map, Sigmoids):
        method = "sigmoid"
        for slope, offset in zip(map.slopes, map.offsets, strict=True):
            sigmoid = _SigmoidCalibration()
            sigmoid.a_, sigmoid.b_ = float(slope), float(offset)
            parts.append(sigmoid)
    else:
        assert isinstance(map, Isotonic)
        method = "isotonic"
        # A broken line that rises is its own isotonic regression.
        parts = [IsotonicRegression(out_of_bounds="clip").fit(x, p) for x, p in map.knots]
    whole = CalibratedClassifierCV(head, ensemble=False, method=method)
    whole.classes_ = class_ids
    whole.n_features_in_ = head.n_features_in_
    whole.calibrated_classifiers_ = [
        _CalibratedClassifier(head, parts, classes=class_ids, method=method)
    ]
    return whole


@dataclass(frozen=True)
class Stock:
    """A fitted scikit-learn estimator as it is, on the first columns of embeddings."""

    estimator: Any
    columns: int
    width: int

    def probabilities(self, X: NDArray[Any]) -> Float:
        """Return (n, K) for embeddings (n, d)."""
        out = self.estimator.predict_proba(X[:, : self.columns].astype(np.float32))
        return np.asarray(out, dtype=np.float32)

    def pool_probabilities(self, pool: Pool, rows: Places, check: Check) -> Float:
        """Return (m, K) for some images of the pool, all if None."""
        return by_rows(lambda at: self.probabilities(pool.X[at]), len(pool), rows, check)

    def to_sklearn(self, class_ids: NDArray[np.int64]) -> Any:
        """Return the estimator, its classes renamed from class index to class id."""
        import copy

        estimator = copy.deepcopy(self.estimator)
        head = estimator.steps[-1][1]
        head.classes_ = np.asarray(class_ids)
        for part in getattr(head, "calibrated_classifiers_", []):
            part.classes = np.asarray(class_ids)
        estimator.steps = [*first_columns(self.columns, self.width), *estimator.steps]
        return estimator
