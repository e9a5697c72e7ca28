"""How well an embedding tells a site, scanner or stain: a linear probe against chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import one_blas_thread, stratified_folds
from fewshot_lab.evaluation.permutations import Permutations, p_value
from fewshot_lab.stats import Interval, Sample, mean_rate, widened

Codes = NDArray[np.int64]

FOLDS, REPEATS = 5, 3
AXES = 96
RIDGE = 0.1
"""Share of the mean variance that is added to each axis."""
_AT_ONCE = 100


@dataclass(frozen=True)
class Probe:
    """What a linear probe makes of a column.

    Attributes
    ----------
    balanced_accuracy : Interval
        Mean over the values of how often they are told, on groups that the probe did not see.
    chance : float
        The same where values are dealt anew within the classes: what the class alone tells.
    p : float
        How often chance tells as much.
    """

    balanced_accuracy: Interval
    chance: float
    p: float


def probe(
    Z: NDArray[np.float32], groups: Codes, permutations: Permutations, *, seed: int = 0
) -> Probe:
    """Cross-validate a linear discriminant for a column's values, and for those dealt anew.

    All values count alike (equal priors), and the covariance is that of all images, ridged: so
    it is the same for every deal, and a thousand of them cost about a second.

    Parameters
    ----------
    Z : array (n, p)
        Prepared embeddings along principal axes.
    groups : array (n,) of int
        Of one group none trains while others are told.
    permutations : Permutations
    """
    values = permutations.values
    K = int(values[0].max()) + 1
    group_code = np.unique(groups, return_inverse=True)[1]
    rate = np.zeros(values.shape, dtype=np.float32)
    with one_blas_thread():
        for repeat in range(REPEATS):
            # Not stratified by what is told: the folds would know it.
            fold = stratified_folds(
                np.zeros_like(group_code), group_code, k=FOLDS, seed=seed + repeat
            )
            for f in range(FOLDS):
                test, train = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
                if len(test) and len(train):
                    parts = Z[train, :AXES], Z[test, :AXES]
                    rate[:, test] += _hits(*parts, values, train, test, K) / REPEATS
    recalls = np.empty((len(values), K))
    for v in range(K):
        of_value = values == v
        recalls[:, v] = (rate * of_value).sum(axis=1) / np.maximum(of_value.sum(axis=1), 1)
    accuracy = recalls.mean(axis=1)
    sample = Sample.of(np.ones(len(Z)), groups)
    interval = mean_rate(values[0], rate[0].astype(np.float64), sample)
    if not sample.grouped:
        interval = widened(interval, interval.n - K)
    return Probe(interval, float(accuracy[1:].mean()), p_value(accuracy))


def _hits(
    train: NDArray[np.float32],
    test: NDArray[np.float32],
    values: Codes,
    train_rows: Codes,
    test_rows: Codes,
    K: int,
) -> NDArray[np.bool_]:
    """Return whether each tested image's value is told (P + 1, m), for every deal."""
    mean = train.mean(axis=0)
    A, B = train - mean, test - mean
    scatter = A.T @ A / len(A)
    scatter[np.diag_indices(len(scatter))] += RIDGE * np.trace(scatter) / len(scatter) + 1e-12
    # Of the discriminant x' S^-1 m - m' S^-1 m / 2, what does not depend on the values:
    inverse = np.linalg.inv(scatter.astype(np.float64)).astype(np.float32)
    out = np.empty((len(values), len(test_rows)), dtype=bool)
    for start in range(0, len(values), _AT_ONCE):
        dealt = values[start : start + _AT_ONCE]
        C = len(dealt)
        member = (dealt[:, train_rows, None] == np.arange(K)).astype(np.float32)  # (C, n, K)
        size = member.sum(axis=1)  # (C, K)
        member = member.transpose(1, 0, 2).reshape(len(train_rows), C * K)
        means = A.T @ member / np.maximum(size.reshape(-1), 1)
        directions = inverse @ means
        scores = (B @ directions - (means * directions).sum(axis=0) / 2).reshape(-1, C, K)
        scores[:, size == 0] = -np.inf
        out[start : start + C] = (scores.argmax(axis=2) == dealt[:, test_rows].T).T
    return out
