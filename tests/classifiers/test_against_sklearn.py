"""The fast solvers against independent references."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.svm import SVC

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.classifiers.calibration import fit_temperature, log_loss
from fewshot_lab.classifiers.lda import fit_lda
from fewshot_lab.classifiers.paper_classifiers import fit_quietly, published
from fewshot_lab.classifiers.softmax import balanced_weights, fit_softmax, softmax
from fewshot_lab.classifiers.svm import Machine, Sigmoid, held_out_decisions
from fewshot_lab.classifiers.yeo_johnson import fit_power


@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("sizes", [(20, 20), (40, 10, 25), (5, 5, 5, 5, 5)])
def test_softmax_regression_is_sklearns(blobs, C, sizes):
    X, y = blobs(sizes, d=16)
    y = np.unique(y, return_inverse=True)[1]
    reference = LogisticRegression(C=C, class_weight="balanced", tol=1e-8, max_iter=5000)
    reference.fit(X, y)
    weights = balanced_weights(y, len(sizes), np.ones(len(y), dtype=bool))
    W = fit_softmax(
        X, y, len(sizes), weights[None], np.array([C], dtype=np.float32), tolerance=1e-5
    )[0]
    ours = softmax(X @ W[:-1] + W[-1])
    if len(sizes) > 2:
        np.testing.assert_allclose(ours, reference.predict_proba(X), atol=2e-3)
    else:  # sklearn penalises one weight vector, here two share the penalty: C stands for 2 C
        twice = LogisticRegression(C=2 * C, class_weight="balanced", tol=1e-8, max_iter=5000)
        np.testing.assert_allclose(ours, twice.fit(X, y).predict_proba(X), atol=2e-3)


def test_problems_solved_together_are_those_solved_apart(blobs):
    X, y = blobs((30, 30, 30), d=12)
    y = np.unique(y, return_inverse=True)[1]
    rng = np.random.default_rng(0)
    masks = rng.random((4, len(y))) < 0.7
    weights = np.array([balanced_weights(y, 3, m) for m in masks])
    C = np.array([0.3, 1, 5, 20], dtype=np.float32)
    together = fit_softmax(X, y, 3, weights, C, tolerance=1e-5)
    for j in range(4):
        alone = fit_softmax(X[masks[j]], y[masks[j]], 3, weights[j : j + 1, masks[j]], C[j : j + 1],
                            tolerance=1e-5)[0]  # fmt: skip
        a, b = (softmax(X @ W[:-1] + W[-1]) for W in (together[j], alone))
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 0.9])
def test_lda_is_sklearns(blobs, shrinkage):
    X, y = blobs((30, 30, 30), d=12)
    y = np.unique(y, return_inverse=True)[1]
    reference = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=np.full(3, 1 / 3)
    )
    reference.fit(X.astype(np.float64), y)
    W = fit_lda(X, y, 3, np.ones((1, 90), dtype=np.float32), (shrinkage,))[0, 0]
    # scikit-learn divides each class's scatter by its size, and so does the weighted scatter.
    np.testing.assert_allclose(softmax(X @ W[:-1] + W[-1]), reference.predict_proba(X), atol=1e-4)


def test_lda_less_a_fold_is_lda_of_the_rest(blobs):
    X, y = blobs((30, 20, 30), d=12)
    y = np.unique(y, return_inverse=True)[1]
    mask = np.arange(80) % 5 != 0
    both = np.stack([np.ones(80), mask]).astype(np.float32)
    down = fit_lda(X, y, 3, both, (0.2, 0.6))[1]
    alone = fit_lda(X[mask], y[mask], 3, np.ones((1, mask.sum()), dtype=np.float32), (0.2, 0.6))[0]
    np.testing.assert_allclose(down, alone, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("sizes", [(30, 30), (30, 12, 25), (10, 10, 10, 10, 10)])
@pytest.mark.parametrize("positive", [False, True])
def test_the_machines_arithmetic_is_libsvms(blobs, sizes, positive):
    X, y = blobs(sizes, d=16, spread=1.5, positive=positive)
    y = np.unique(y, return_inverse=True)[1]
    pool = Pool(X)
    rows = np.arange(len(X))
    machine = Machine.fit(pool, X, y, 0.5, 3.0, Sigmoid(-1.0, 0.2), rows)
    reference = machine.svc.decision_function(pool.prepare(X))
    if len(sizes) == 2:
        reference = np.stack([-reference, reference], axis=1)
    expected = machine.map(reference)
    np.testing.assert_allclose(machine.probabilities(X), expected, atol=1e-5)
    np.testing.assert_allclose(
        machine.pool_probabilities(pool, None, lambda: None), expected, atol=1e-5
    )


def test_held_out_decisions_are_those_of_a_machine_that_never_saw_them(blobs):
    X, y = blobs((20, 20, 20), d=16)
    y = np.unique(y, return_inverse=True)[1]
    Z = Pool(X).prepare(X)
    fold = np.arange(60) % 3
    out = held_out_decisions(Z @ Z.T, y, fold, [(0.5, 2.0)], 3)[0]
    svc = SVC(C=2.0, gamma=0.5, class_weight="balanced").fit(Z[fold != 1], y[fold != 1])
    np.testing.assert_allclose(out[fold == 1], svc.decision_function(Z[fold == 1]), atol=2e-2)


@pytest.mark.parametrize("true", [0.3, 1.0, 6.0])
def test_the_temperature_is_found(true):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4)) * 2
    y = np.array([rng.choice(4, p=p) for p in softmax(logits)])
    weights = np.ones(4000, dtype=np.float32)
    found = fit_temperature((logits * true).astype(np.float32), y, weights)
    assert found == pytest.approx(true, rel=0.1)
    grid = true * np.exp(np.linspace(-0.5, 0.5, 41))
    losses = [log_loss((logits * true).astype(np.float32), y, weights, float(t)) for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.05)


def test_without_scores_the_temperature_is_the_guess():
    empty = np.empty((0, 3), dtype=np.float32)
    found = fit_temperature(empty, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    assert found == 1.0


def test_scores_that_are_never_wrong_do_not_run_away():
    scores = np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    found = fit_temperature(scores, np.arange(30) % 3, np.ones(30, dtype=np.float32))
    assert 0.02 <= found <= 1.0


@pytest.mark.parametrize("positive", [False, True])
def test_the_power_transform_is_sklearns(blobs, positive):
    X = blobs((20, 20), d=10, positive=positive)[0]
    X[:, 3] = 0
    X[:, 4] = 7
    X[:, 5] = -np.abs(X[:, 5]) - 1
    X[:, 6] = np.maximum(X[:, 6] - 3, 0)
    ours, reference = fit_power(X), PowerTransformer().fit(X)
    np.testing.assert_allclose(ours.lambdas_, reference.lambdas_, atol=1e-3)
    more = blobs((20, 20), d=10, positive=positive, seed=1)[0]
    np.testing.assert_allclose(ours.transform(more), reference.transform(more), atol=1e-3)


def test_the_private_scaler_of_the_transform_is_where_it_was(blobs):
    # The one private part of scikit-learn that is set, in yeo_johnson.py.
    X = blobs((20, 20), d=4)[0]
    ours, reference = fit_power(X), PowerTransformer().fit(X)
    assert vars(ours).keys() >= vars(reference).keys()
    assert type(reference._scaler) is type(ours._scaler) is StandardScaler


@pytest.mark.parametrize("name", ["paper-svm", "paper-knn", "paper-logreg"])
def test_paper_classifiers_are_the_published_pipelines(blobs, name):
    X, y = blobs((15, 15, 15), d=10)
    reference = fit_quietly(published(name, 3, 45), X, y)
    ours = fit(X, y, name=name)
    more = blobs((15, 15, 15), d=10, seed=1)[0]
    np.testing.assert_allclose(ours.probabilities(more), reference.predict_proba(more), atol=1e-3)
