"""LDA that looks at unlabelled images, against scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.classifiers import pooled_lda as pooled
from fewshot_lab.classifiers.softmax import softmax


def stretched(rng, per_class, K=4, d=12):
    """Classes that lie apart along some axes and spread far along others."""
    y = np.repeat(np.arange(K), per_class)
    X = 3.0 * np.eye(d)[:K][y] + rng.normal(size=(len(y), d)) * np.r_[np.ones(K), np.full(d - K, 3)]
    return X.astype(np.float32), y


def em(Z, y, U, rounds):
    """The same in the plainest way, for one weighting of equal classes."""
    K, p = int(y.max()) + 1, Z.shape[1]
    Z, U = Z.astype(np.float64), U.astype(np.float64)
    own = np.stack([Z[y == k].mean(axis=0) for k in range(K)])
    spread = np.mean([np.cov(Z[y == k].T, bias=True) for k in range(K)], axis=0)
    count = np.bincount(y)
    means, within = own, spread
    for round_ in range(rounds + 1):
        if round_:
            p_ = softmax((U @ W + b) / pooled.TEMPERATURE)  # noqa: F821
            mass = p_.sum(axis=0)
            believed = (p_.T @ U) / mass[:, None]
            around = np.zeros((p, p))
            for k in range(K):
                around += ((U - believed[k]).T * p_[:, k]) @ (U - believed[k]) / len(U)
            weight = np.minimum(pooled.COUNT, mass)
            means = (count[:, None] * own + weight[:, None] * believed) / (count + weight)[:, None]
            part = weight.sum() / (weight.sum() + count.sum())
            within = (1 - part) * spread + part * around
        shrunk = (1 - pooled.SHRINKAGE) * within
        shrunk = shrunk + pooled.SHRINKAGE * np.trace(within) / p * np.eye(p)
        W = np.linalg.solve(shrunk, means.T)
        b = -0.5 * (means.T * W).sum(axis=0)
    return np.concatenate([W, b[None]])


def test_it_is_expectation_and_maximisation():
    rng = np.random.default_rng(0)
    Z, y = stretched(rng, 6)
    U, _ = stretched(rng, 50)
    weights = np.ones((2, len(y)), dtype=np.float32)
    weights[1, ::6] = 0
    found = pooled.fit_pooled(Z, y, 4, weights, U)
    for w, ours in zip(weights, found, strict=True):
        np.testing.assert_allclose(
            ours, em(Z[w > 0], y[w > 0], U, pooled.ROUNDS), rtol=2e-3, atol=2e-3
        )


def test_without_rounds_it_is_scikit_learns(monkeypatch):
    monkeypatch.setattr(pooled, "ROUNDS", 0)
    Z, y = stretched(np.random.default_rng(1), 20)
    W = pooled.fit_pooled(Z, y, 4, np.ones((1, len(y)), dtype=np.float32), Z)[0]
    lda = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=pooled.SHRINKAGE, priors=np.full(4, 1 / 4)
    ).fit(Z.astype(np.float64), y)
    ours, theirs = Z @ W[:-1] + W[-1], lda.decision_function(Z)
    gap = (ours - ours.mean(axis=1, keepdims=True)) - (theirs - theirs.mean(axis=1, keepdims=True))
    # scikit-learn shrinks standardised features; these are not, so the decisions are compared.
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.97
    assert np.abs(gap).mean() < 0.2 * np.abs(theirs).mean()


def test_unlabelled_images_help_where_few_are_labelled(blobs):
    gains = []
    for seed in range(8):
        Z, y = blobs((2,) * 5, d=40, spread=2.0, seed=seed)
        U, hidden = blobs((80,) * 5, d=40, spread=2.0, seed=100 + seed)
        pool, rows = Pool(np.concatenate([Z, U])), np.arange(len(Z))
        unseen = np.arange(len(pool)) >= len(Z)
        found, without = (
            fit(Z, y, name="stack", pool=pool, rows=rows, apart=apart, near_duplicates=None)
            for apart in (None, unseen)
        )
        gains.append((found.predict(U) == hidden).mean() - (without.predict(U) == hidden).mean())
    assert np.mean(gains) > 0.1
    assert min(gains) > 0


@pytest.mark.parametrize("size", [1, 3, 40])
def test_few_unlabelled_images_and_a_class_without_rows(size):
    rng = np.random.default_rng(2)
    Z, y = stretched(rng, 5)
    weights = np.ones((1, len(y)), dtype=np.float32)
    weights[0, y == 2] = 0
    W = pooled.fit_pooled(Z, y, 4, weights, stretched(rng, 10)[0][:size])[0]
    assert np.isfinite(W).all()
    assert 2 not in (Z @ W[:-1] + W[-1]).argmax(axis=1)


def test_a_test_set_is_not_looked_at(blobs):
    X, y = blobs((60, 60, 60), d=24, spread=2.5)
    rows, apart = np.arange(0, 180, 20), np.arange(180) % 20 == 7
    one = fit(X[rows], y[rows], pool=Pool(X), rows=rows, apart=apart)
    assert one.parameters["unlabelled images"] == 180 - 9 - 9
    # The same pool but for what the test images look like, in axes that are the same.
    pool = Pool(X)
    for view in (pool, pool.levelled):
        view.rotated[apart] = 9
    other = fit(X[rows], y[rows], pool=pool, rows=rows, apart=apart)
    np.testing.assert_array_equal(one.probabilities(X), other.probabilities(X))
    seen = fit(X[rows], y[rows], pool=pool, rows=rows)
    assert np.abs(seen.probabilities(X) - one.probabilities(X)).max() > 1e-4


def test_with_one_image_of_each_class_it_is_not_sure(blobs):
    """Its mean confidence is no higher than what it gets right, by more than a little."""
    sure, right = [], []
    for seed in range(10):
        X, y = blobs((1, 1, 1, 1), d=32, spread=4.0, seed=seed)
        more, truth = blobs((40,) * 4, d=32, spread=4.0, seed=100 + seed)
        p = fit(X, y, pool=Pool(np.concatenate([X, more])), rows=np.arange(4)).probabilities(more)
        sure.append(p.max(axis=1).mean())
        right.append((np.unique(y)[p.argmax(axis=1)] == truth).mean())
    assert np.mean(sure) < np.mean(right) + 0.1
