"""RBF support vector machine on unit vectors, with a kernel that is looked up, not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.preparation import Preparation
from fewshot_lab.classifiers.probability_maps import Map, Sigmoids
from fewshot_lab.classifiers.rows import by_rows
from fewshot_lab.classifiers.soft_labels import SoftLabels
from fewshot_lab.classifiers.threads import one_blas_thread

Float = NDArray[np.floating[Any]]


def rbf(cosines: Float, gamma: float) -> NDArray[np.float64]:
    """Return ``exp(-gamma |a - b|^2)`` of unit vectors from their cosines."""
    return np.exp((2 * gamma) * (cosines.astype(np.float64) - 1))


def held_out_decisions(
    cosines: Float,
    y: NDArray[np.int64],
    fold: NDArray[np.int64],
    settings: list[tuple[float, float]],
    n_classes: int,
    *,
    soft: SoftLabels | None = None,
) -> Float:
    """Return out-of-fold decisions (S, n, K) for each (gamma, C); NaN where never held out.

    Parameters
    ----------
    cosines : array (n, n)
    y : array (n,)
        Class index.
    fold : array (n,)
        The fold in which each row is held out, -1 for none.
    """
    from sklearn.svm import SVC

    out = np.full((len(settings), len(y), n_classes), np.nan, dtype=np.float32)
    kernels = {gamma: rbf(cosines, gamma) for gamma in {gamma for gamma, _ in settings}}
    for f in range(int(fold.max(initial=-1)) + 1):
        held, trained = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        if not len(held):
            continue
        targets, weight = y[trained], None
        if soft is not None:
            also = fold[soft.at] != f
            weight = np.concatenate([soft.own[trained], soft.weight[also]])
            targets = np.concatenate([targets, soft.y[also]])
            trained = np.concatenate([trained, soft.at[also]])
        for s, (gamma, C) in enumerate(settings):
            K = kernels[gamma]
            machine = SVC(C=C, kernel="precomputed", class_weight="balanced", cache_size=64)
            machine.fit(K[np.ix_(trained, trained)], targets, sample_weight=weight)
            decision = machine.decision_function(K[np.ix_(held, trained)])
            out[s, held] = _two_columns(decision) if n_classes == 2 else decision
    return out


def _two_columns(decision: NDArray[Any]) -> NDArray[Any]:
    return np.stack([-decision, decision], axis=1)


@dataclass(frozen=True)
class Sigmoid:
    """Platt's map from decisions to probabilities, ``1 / (1 + exp(slope * f + offset))``.

    One for all classes, so that the most probable class is the machine's own; then normalised.
    """

    slope: float
    offset: float

    @classmethod
    def fit(cls, decisions: Float, y: NDArray[np.int64], weights: Float) -> Sigmoid:
        """Fit by weighted log loss to out-of-fold decisions (m, K)."""
        from scipy.optimize import minimize

        if not len(y):
            return cls(-1.0, 0.0)
        rows = np.arange(len(y))
        binary = decisions.shape[1] == 2

        def loss(theta: NDArray[np.float64]) -> float:
            slope, offset = -float(np.exp(theta[0])), (0.0 if binary else float(theta[1]))
            p = cls(slope, offset)(decisions)
            fit = np.average(-np.log(np.maximum(p[rows, y], 1e-12)), weights=weights)
            return float(fit) + 0.01 * float(theta @ theta) / max(len(y), 1)

        optimum = minimize(loss, np.array([0.5, 0.0]), method="Nelder-Mead", tol=1e-3)
        return cls(-float(np.exp(optimum.x[0])), 0.0 if binary else float(optimum.x[1]))

    def per_class(self, n_classes: int) -> Sigmoids:
        """Return the same as one sigmoid for each class; for two classes, the second's."""
        ones = np.ones(1 if n_classes == 2 else n_classes)
        return Sigmoids(self.slope * ones, self.offset * ones)

    def __call__(self, decisions: Float) -> Float:
        """Return (m, K) from decisions (m, K)."""
        z = np.clip(self.slope * decisions.astype(np.float64) + self.offset, -700, 700)
        p = 1 / (1 + np.exp(z))
        if decisions.shape[1] > 2:
            p /= np.maximum(p.sum(axis=1, keepdims=True), 1e-300)
        return p.astype(np.float32)


@dataclass(frozen=True)
class Machine:
    """A fitted SVC on prepared embeddings, with the map of its decisions to probabilities."""

    prepare: Preparation
    svc: Any
    map: Map
    pool_rows: NDArray[np.int64] | None

    @classmethod
    def fit(
        cls,
        pool: Pool,
        X: NDArray[Any],
        y: NDArray[np.int64],
        gamma: float,
        C: float,
        map: Map,
        rows: NDArray[np.int64] | None,
        *,
        soft: SoftLabels | None = None,
    ) -> Machine:
        """Fit on embeddings X, the given rows of the pool if they are in it."""
        from sklearn.svm import SVC

        weight = None
        if soft is not None:
            weight = np.concatenate([soft.own, soft.weight])
            X, y = np.concatenate([X, X[soft.at]]), np.concatenate([y, soft.y])
            rows = None if rows is None else np.concatenate([rows, rows[soft.at]])
        svc = SVC(C=C, gamma=gamma, kernel="rbf", class_weight="balanced", cache_size=256)
        svc.fit(pool.prepare(X), y, sample_weight=weight)
        return cls(pool.prepare, svc, map, None if rows is None else rows[svc.support_])

    def probabilities(self, X: NDArray[Any]) -> Float:
        """Return (n, K) for embeddings (n, d)."""
        support = self.svc.support_vectors_.astype(np.float32)
        with one_blas_thread():
            Z = self.prepare(X)
            # A row at the centre is no unit vector: take its length as it is.
            lengths = 0.5 * (np.einsum("ij,ij->i", Z, Z)[:, None] - 1)
            lengths = lengths + 0.5 * (np.einsum("ij,ij->i", support, support) - 1)
            return self._from_cosines(Z @ support.T - lengths)

    def pool_probabilities(
        self, pool: Pool, rows: NDArray[np.int64] | None, check: Callable[[], None]
    ) -> Float:
        """Return (m, K) for some images of the pool, all if None."""
        if self.pool_rows is None or not pool.keeps_cosines(len(self.pool_rows)):
            return by_rows(lambda at: self.probabilities(pool.X[at]), len(pool), rows, check)
        cosines = pool.cosines(self.pool_rows).T
        return by_rows(lambda at: self._from_cosines(cosines[at]), len(pool), rows, check)

    def _from_cosines(self, cosines: Float) -> Float:
        """Combine the one-against-one machines as scikit-learn does ("ovr")."""
        svc = self.svc
        K = rbf(cosines, float(svc.gamma))
        n_classes = len(svc.classes_)
        dual, intercept = svc.dual_coef_, svc.intercept_
        ends = np.cumsum(svc.n_support_)
        parts = [slice(end - count, end) for end, count in zip(ends, svc.n_support_, strict=True)]
        if n_classes == 2:
            decision = K @ dual[0] + intercept[0]
            return self.map(_two_columns(decision))
        votes = np.zeros((len(K), n_classes))
        sums = np.zeros((len(K), n_classes))
        # One product per class: its support vectors' share in each of its machines.
        shares = [K[:, part] @ dual[:, part].T for part in parts]
        pair = 0
        for i in range(n_classes):
            for j in range(i + 1, n_classes):
                value = shares[i][:, j - 1] + shares[j][:, i] + intercept[pair]
                sums[:, i] += value
                sums[:, j] -= value
                votes[:, i] += value > 0
                votes[:, j] += value <= 0
                pair += 1
        decision = votes + sums / (3 * (np.abs(sums) + 1))
        return self.map(decision)

    def to_sklearn(self, class_ids: NDArray[np.int64]) -> Any:
        """Return the preparation and a CalibratedClassifierCV(SVC, ensemble=False)."""
        import copy

        from sklearn.pipeline import Pipeline

        from fewshot_lab.classifiers.models import calibrated

        svc = copy.deepcopy(self.svc)
        svc.classes_ = np.asarray(class_ids)
        map = self.map
        stock = map.per_class(len(class_ids)) if isinstance(map, Sigmoid) else map
        head = calibrated(svc, stock, np.asarray(class_ids))
        return Pipeline([*self.prepare.sklearn_steps(), ("classifier", head)])
