"""Which parts of an embedding a classifier reads, and that all its forms say the same."""

import numpy as np
import pytest

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers import Pool, fit

PARTS = Parts((("final", 40), ("stage 1", 12), ("stage 2", 16)))


def embeddings(
    *, final: float, stage: float, site: float = 0.0, n: int = 240, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return X, y and sites: how far classes lie apart in each part, and sites in the stages.

    At each site the stages tell classes apart along another direction, as a stain does that goes
    with the class.
    """
    rng = np.random.default_rng(seed)
    y, sites = np.arange(n) % 3, np.arange(n) // 3 % 4
    X = rng.normal(size=(n, PARTS.dimensions))
    X[:, :40] += final * rng.normal(size=(3, 40))[y]
    X[:, 40:] += stage * rng.normal(size=(3, 28))[y]
    X[:, 40:] += site * rng.normal(size=(4, 3, 28))[sites, y]
    X[:, 40:52] *= 300  # a stage's numbers are of any size
    return X.astype(np.float16), y, sites


def read(X: np.ndarray, y: np.ndarray, **more) -> object:
    rows = np.random.default_rng(1).permutation(len(y))[:90]
    pool = Pool(X, parts=PARTS)
    return fit(X[rows], y[rows], pool=pool, rows=rows, quick=True, **more), rows, pool


def test_stages_that_help_are_read() -> None:
    X, y, _ = embeddings(final=0.15, stage=1.0)
    fitted, rows, _ = read(X, y)
    assert fitted.reading.stages
    assert "Inner stages of the network are read too" in fitted.sentence
    alone = fit(X[rows, :40], y[rows], pool=Pool(X[:, :40]), rows=rows, quick=True)
    rest = np.setdiff1d(np.arange(len(y)), rows)
    assert (fitted.predict(X[rest]) == y[rest]).mean() > (
        alone.predict(X[rest, :40]) == y[rest]
    ).mean() + 0.2


def test_stages_that_only_disturb_are_left_out() -> None:
    """Then it is the classifier of the final embeddings alone, probability by probability."""
    X, y, _ = embeddings(final=0.8, stage=0.0)
    X[:, 40:] = np.random.default_rng(3).normal(size=(len(X), 28))
    X[:, 40:] *= 1 + 20 * (np.arange(len(X)) % 7 == 0)[:, None]
    fitted, rows, _ = read(X, y)
    assert not fitted.reading.stages
    alone = fit(X[rows, :40], y[rows], pool=Pool(X[:, :40]), rows=rows, quick=True)
    np.testing.assert_allclose(fitted.probabilities(X), alone.probabilities(X[:, :40]), atol=1e-5)


def test_sites_left_out_decide_where_they_are_known() -> None:
    """What tells classes apart at each site, but otherwise at each, must not be read."""
    X, y, sites = embeddings(final=0.35, stage=0.0, site=1.5)
    rows = np.random.default_rng(1).permutation(len(y))[:90]
    fitted = fit(X[rows], y[rows], pool=Pool(X, parts=PARTS), rows=rows, quick=True,
                 sites=sites[rows].astype(str))  # fmt: skip
    assert fitted.reading.by_site and not fitted.reading.stages
    assert "on sites left out" in fitted.sentence
    shared, y, sites = embeddings(final=0.1, stage=1.0)
    fitted = fit(shared[rows], y[rows], pool=Pool(shared, parts=PARTS), rows=rows, quick=True,
                 sites=sites[rows].astype(str))  # fmt: skip
    assert fitted.reading.by_site and fitted.reading.stages


@pytest.mark.parametrize("name", ["auto", "lda", "logreg", "rbf-svm", "paper-logreg", "paper-svm"])
@pytest.mark.parametrize("stage", [0.0, 1.0])
def test_pool_embeddings_and_scikit_learn_say_the_same(name: str, stage: float) -> None:
    X, y, _ = embeddings(final=0.5, stage=stage)
    X[:, :40] = np.abs(X[:, :40])  # the root is taken of what is not negative
    fitted, _, pool = read(X, y, name=name)
    direct = fitted.probabilities(X)
    np.testing.assert_allclose(fitted.pool_probabilities(pool), direct, atol=2e-3)
    stock = fitted.to_sklearn().predict_proba(X.astype(np.float32))
    np.testing.assert_allclose(stock, direct, atol=2e-5)


def test_many_numbers_are_rotated_as_few_are() -> None:
    """Random projections find the axes that an eigendecomposition finds."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=(300, 12)) * np.geomspace(1, 0.2, 12)
    X = (low @ rng.normal(size=(12, 1600)) + 0.01 * rng.normal(size=(300, 1600))).astype(np.float32)
    pool = Pool(X, components=12)
    Z = pool.prepare(X)
    exact = np.linalg.svd(Z, full_matrices=False)
    np.testing.assert_allclose(pool.variance, exact[1][:12] ** 2 / 300, rtol=1e-3)
    np.testing.assert_allclose(np.abs((exact[2][:12] * pool.rotation.T).sum(1)), 1, atol=1e-3)
