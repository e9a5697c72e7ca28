"""One classifier fitted again on many subsets of the same labels."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.lda import fit_lda
from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.softmax import balanced_weights, fit_softmax
from fewshot_lab.classifiers.svm import rbf
from fewshot_lab.classifiers.threads import one_blas_thread

_AT_ONCE = 32


def subset_predictions(
    pool: Pool,
    rows: NDArray[np.int64],
    y: NDArray[np.int64],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    *,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.int16]:
    """Fit on each subset with the settings of a classifier chosen before, and predict.

    Nothing is chosen or calibrated anew: the most probable class does not depend on the
    calibration, and this way a fit costs milliseconds.

    Parameters
    ----------
    pool : Pool
    rows : array (n,)
        The labelled images' rows in the pool.
    y : array (n,)
        Class index, 0 to K - 1.
    train, test : array (J, n)
        What each fit learns from, and what it is asked.
    name : str
        "logreg", "rbf-svm", or "lda", which stands for any other name, too.
    parameters : mapping, optional
        As :class:`Fitted` has them.
    check : callable
        Called between fits; it may wait or raise.

    Returns
    -------
    array (J, n)
        Class index; -1 where not asked.
    """
    parameters = parameters or {}
    n_classes = int(y.max()) + 1
    out = np.full(train.shape, -1, dtype=np.int16)
    with one_blas_thread():
        if name == "rbf-svm":
            _machine(pool, rows, y, train, test, parameters, out, check)
            return out
        Z, p = pool.rotated[rows], pool.rotated.shape[1]
        if len(Z) < p:  # as many axes as the images span
            Z = Z @ np.linalg.svd(Z, full_matrices=False)[2].T.astype(np.float32)
        for start in range(0, len(train), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            if name == "logreg":
                weights = np.stack([balanced_weights(y, n_classes, mask) for mask in train[some]])
                C = np.full(len(weights), parameters.get("C", 8.0), dtype=np.float32)
                W = fit_softmax(Z, y, n_classes, weights, C, tolerance=1e-2)
                check()
            for j in range(start, min(start + _AT_ONCE, len(train))):
                tested = np.flatnonzero(test[j])
                if name == "logreg":
                    w = W[j - start]
                else:
                    trained = np.flatnonzero(train[j])
                    ones = np.ones(len(trained), dtype=bool)
                    weight = balanced_weights(y[trained], n_classes, ones)[None]
                    s = (parameters.get("shrinkage", 0.4),)
                    w = fit_lda(Z[trained], y[trained], n_classes, weight, s, dimensions=p)[0, 0]
                    check()
                scores = Z[tested] @ w[:-1] + w[-1]
                scores[:, np.bincount(y[train[j]], minlength=n_classes) == 0] = -np.inf
                out[j, tested] = scores.argmax(axis=1)
    return out


def _machine(
    pool: Pool,
    rows: NDArray[np.int64],
    y: NDArray[np.int64],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    parameters: Mapping[str, float],
    out: NDArray[np.int16],
    check: Callable[[], None],
) -> None:
    from sklearn.svm import SVC

    K = rbf(pool.cosines_among(rows), parameters.get("gamma", 0.5))
    for j in range(len(train)):
        trained, tested = np.flatnonzero(train[j]), np.flatnonzero(test[j])
        if not len(tested):  # a fold of images that are not asked about
            continue
        if len(np.unique(y[trained])) < 2:
            out[j, tested] = y[trained[0]] if len(trained) else -1
            continue
        machine = SVC(
            C=parameters.get("C", 3.0), kernel="precomputed", class_weight="balanced", cache_size=64
        )
        machine.fit(K[np.ix_(trained, trained)], y[trained])
        decision = machine.decision_function(K[np.ix_(tested, trained)])
        best = decision > 0 if decision.ndim == 1 else decision.argmax(axis=1)
        out[j, tested] = machine.classes_[np.asarray(best, dtype=np.int64)]
        check()
