"""The average of LDA and LogReg, against independent references."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PowerTransformer

from fewshot_lab.classifiers import Pool, Preparation, fit
from fewshot_lab.classifiers.preparation import FLAT, FLAT_GAIN, FLOOR
from fewshot_lab.classifiers.softmax import softmax
from fewshot_lab.classifiers.stacking import WEAK, stack_weights


def opinions(seed=0, m=200, M=3, K=4):
    """Log-odds of M classifiers of m images; the first one is the best."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, m)
    strength = np.linspace(2, 0, M)[:, None, None]
    scores = strength * np.eye(K)[y] + rng.normal(size=(M, m, K))
    return scores - scores.mean(axis=2, keepdims=True), y


def test_the_weights_are_those_of_a_general_optimiser():
    scores, y = opinions()
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 2, (2, len(y))) * (rng.random((2, len(y))) < 0.8)
    found = stack_weights(scores, y, weights, prior=4.0)
    for w, ours in zip(weights, found, strict=True):

        def loss(u, w=w):
            p = softmax(np.tensordot(np.exp(u) / 3, scores, 1))[np.arange(len(y)), y]
            return -w @ np.log(p) + 2.0 * (u**2).sum()

        reference = minimize(loss, np.zeros(3), method="Nelder-Mead", tol=1e-9)
        np.testing.assert_allclose(ours, np.exp(reference.x) / 3, rtol=1e-3)
    assert (found[:, 0] > found[:, 1]).all() and (found[:, 1] > found[:, 2]).all()


def test_without_images_all_weigh_the_same():
    scores, y = opinions(m=5)
    np.testing.assert_allclose(stack_weights(scores, y, np.zeros((1, 5))), 1 / 3)


def test_the_average_is_that_of_scikit_learns_classifiers(blobs):
    """Each of the four fitted by scikit-learn, averaged with the weights found, is the same."""
    X, y = blobs((30, 25, 30), d=12, spread=2.5, positive=True)
    fitted = fit(X, y, name="stack", calibration="temperature", near_duplicates=None)
    pool, s = Pool(X), fitted.parameters["shrinkage"]
    log_odds = []
    for view in (pool, pool.levelled):
        Z = view.rotated.astype(np.float64)
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s, priors=np.full(3, 1 / 3))
        logreg = LogisticRegression(C=WEAK, class_weight="balanced", tol=1e-8, max_iter=10_000)
        log_odds += [h.fit(Z, y).decision_function(Z) for h in (lda, logreg)]
    ours = np.log(fitted.probabilities(X).astype(np.float64))
    ours -= ours.mean(axis=1, keepdims=True)
    theirs = np.stack([S - S.mean(axis=1, keepdims=True) for S in log_odds], axis=-1)
    # Some four positive factors, and nothing else, lie between them.
    factors, *_ = np.linalg.lstsq(theirs.reshape(-1, 4), ours.ravel(), rcond=None)
    assert (factors > 0).all()
    gap = np.abs(softmax(theirs @ factors) - fitted.probabilities(X)).max()
    assert gap < 0.01  # both solvers stop where a penalty of 1/1000 hardly bends the loss


@pytest.mark.parametrize("signed", [False, True])
def test_levelled_features_are_sklearns_power_transform(signed):
    X = np.random.default_rng(0).gamma(0.5, size=(300, 6)) * [1, 2, 5, 0.1, 3, 0]
    X = (X - signed).astype(np.float32)
    Z = X.astype(np.float64)
    if not signed:
        Z = Z * FLAT_GAIN / X.mean(dtype=np.float64)
        power = PowerTransformer(standardize=False).fit(np.random.default_rng(1).random((9, 6)))
        power.lambdas_ = np.full(6, FLAT)
        Z = power.transform(Z) * FLAT + 1
    Z = Z - Z.mean(axis=0)
    variance = Z.var(axis=0)
    Z *= (variance / variance.mean() + FLOOR**2) ** -0.25
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    np.testing.assert_allclose(Preparation.of(X, levelled=True)(X), Z, atol=2e-5)


def test_labels_without_meaning_do_not_look_better_for_being_averaged():
    """The weights of a fold are fitted without it: out of fold, chance stays chance."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(12):
        X, y = rng.normal(size=(30, 20)).astype(np.float32), np.arange(30) % 3
        found = fit(X, y, name="stack", quick=True).out_of_fold
        hits.append((found.mean.argmax(axis=1) == found.y).mean())
    assert np.mean(hits) < 0.40


def test_another_classifier_must_be_clearly_better(blobs):
    X, y = blobs((8, 8, 8), spread=2.0)
    assert fit(X, y).name == "stack"
    assert fit(X, y, plain=True).name in ("lda", "logreg", "rbf-svm")
    # Opposite quarters are of one class: no line divides them.
    X = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
    fitted = fit(X, (X[:, 0] * X[:, 1] > 0).astype(int), near_duplicates=None)
    assert fitted.sentence.startswith("RBF-SVM chosen over ")
