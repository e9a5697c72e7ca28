"""Opinions that differ train by their shares."""

import numpy as np
import pytest

from fewshot_lab.classifiers import SoftLabels, fit, soft_labels


def cells(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (np.eye(3)[y] @ rng.normal(size=(3, 12)) + 1.5 * rng.normal(size=(n, 12))), y + 5


@pytest.mark.parametrize("name", ["stack", "lda", "logreg", "rbf-svm"])
def test_two_halves_of_one_opinion_are_one(name: str) -> None:
    X, y = cells()
    half = np.full(len(y), 0.5, dtype=np.float32)
    split = SoftLabels(half, np.arange(len(y)), y, half)
    whole, halves = fit(X, y, name=name), fit(X, y, name=name, soft=split)
    tolerance = 1e-2 if name == "rbf-svm" else 1e-3  # libsvm's own stopping rule
    assert np.abs(whole.probabilities(X) - halves.probabilities(X)).max() < tolerance
    # Measured image by image, however many opinions there are of one.
    assert halves.out_of_fold.probabilities.shape == whole.out_of_fold.probabilities.shape
    assert halves.parameters.keys() == whole.parameters.keys()


@pytest.mark.parametrize("name", ["stack", "lda", "logreg", "rbf-svm"])
def test_a_minority_pulls_towards_what_it_says(name: str) -> None:
    X, y = cells()
    fives = np.flatnonzero(y == 5)
    shares = [((5, 0.6), (6, 0.4)) if row in fives else () for row in range(len(y))]
    soft = soft_labels(y, shares)
    assert soft is not None and len(soft.at) == len(fives)
    hard, pulled = fit(X, y, name=name), fit(X, y, name=name, soft=soft)
    before, after = (c.probabilities(X[fives])[:, 1].mean() for c in (hard, pulled))
    assert after > before + 0.02


def test_where_all_agree_nothing_is_soft() -> None:
    y = np.array([5, 6])
    assert soft_labels(y, []) is None and soft_labels(y, [(), ()]) is None
    # A class that nobody's first choice is cannot be learned; the rest of the weight is kept.
    soft = soft_labels(y, [((5, 0.5), (7, 0.5)), ()])
    assert soft is not None and len(soft.at) == 0 and soft.own.tolist() == [0.5, 1]
