"""Which map turns scores into probabilities, against independent references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.classifiers.calibration import calibrate, fit_temperature, no_surer
from fewshot_lab.classifiers.probability_maps import Isotonic, Sigmoids, Softmax, Vector
from fewshot_lab.classifiers.softmax import softmax
from fewshot_lab.errors import FewshotLabError


def drawn(n, K=3, *, seed=0, slope=None, offset=None):
    """Return scores whose true probabilities are softmax(slope * score + offset), and classes."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (n, K)).astype(np.float32)
    scores -= scores.mean(axis=1, keepdims=True)
    z = scores * (1 if slope is None else slope) + (0 if offset is None else offset)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return scores, (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1), p


def chosen(scores, y, folds, **options):
    def temperature(s, y, w):
        return Softmax(fit_temperature(s, y, w))

    return calibrate(
        scores[None],
        y,
        folds[None],
        np.arange(len(y)),
        np.ones(len(y), dtype=np.float32),
        ("temperature", temperature),
        **options,
    )


def test_two_classes_with_a_vector_are_platts_sigmoid_as_scikit_learn_fits_it():
    from sklearn.calibration import _sigmoid_calibration
    from sklearn.linear_model import LogisticRegression

    scores, y, _ = drawn(400, 2, slope=0.6, offset=np.array([0.5, -0.5]))
    d = scores[:, 1] - scores[:, 0]
    # Without any belief it is a logistic regression on the score, whatever fits it.
    free = Vector.fit(scores, y, np.ones(400), prior=1e-9)(scores)[:, 1]
    reference = LogisticRegression(C=1e9, tol=1e-8).fit(d[:, None], y).predict_proba(d[:, None])
    np.testing.assert_allclose(free, reference[:, 1], atol=1e-3)
    a, b = _sigmoid_calibration(d, y)
    ours = Vector.fit(scores, y, np.ones(400))(scores)[:, 1]
    np.testing.assert_allclose(ours, 1 / (1 + np.exp(a * d + b)), atol=0.03)


def test_a_vector_is_the_minimum_that_an_independent_optimiser_finds():
    from scipy.optimize import minimize

    scores, y, _ = drawn(300, 4, slope=np.array([0.5, 1.0, 2.0, 1.0]))
    w = np.random.default_rng(1).uniform(0.2, 2, 300)

    def loss(theta):
        z = scores * theta[:4] + theta[4:]
        z = z - z.max(axis=1, keepdims=True)
        nll = np.log(np.exp(z).sum(axis=1)) - z[np.arange(300), y]
        return (w * nll).sum() + ((theta[:4] - 1) ** 2).sum() + (theta[4:] ** 2).sum()

    found = minimize(loss, np.r_[np.ones(4), np.zeros(4)], method="BFGS", options={"gtol": 1e-6})
    ours = Vector.fit(scores, y, w, prior=2.0)
    np.testing.assert_allclose(np.r_[ours.slopes, ours.offsets], found.x, atol=1e-3)


@pytest.mark.parametrize("K", [2, 4])
def test_sigmoids_are_those_of_scikit_learn(K):
    from sklearn.calibration import _sigmoid_calibration

    scores, y, _ = drawn(300, K, slope=0.7)
    w = np.random.default_rng(1).uniform(0.2, 2, 300)
    ours = Sigmoids.fit(scores, y, w)
    columns = range(K) if K > 2 else (1,)
    for i, k in enumerate(columns):
        a, b = _sigmoid_calibration(scores[:, k].astype(float), (y == k).astype(int), w)
        assert ours.slopes[i] == pytest.approx(a, abs=2e-3)
        assert ours.offsets[i] == pytest.approx(b, abs=2e-3)


def test_the_temperature_stays_where_it_is_right_and_a_vector_comes_where_it_gains():
    folds = np.arange(600) % 5
    scores, y, _ = drawn(600, slope=0.5)
    scale, _, out, said = chosen(scores, y, folds)
    assert said.name == "temperature"
    assert scale == pytest.approx(2.0, rel=0.15)
    assert "one temperature" in said.sentence
    assert f"{said.losses['temperature']:.3f}" in said.sentence
    scores, y, p = drawn(600, slope=np.array([0.2, 1.0, 2.0]), offset=np.array([1.0, 0, -1]))
    *_, out, said = chosen(scores, y, folds)
    assert said.name == "sigmoid"
    # What is published for an image comes from maps that did not see it, and the choice's figure
    # is the log loss of just that.
    loss = -np.log(out[0, np.arange(600), y]).mean()
    assert loss == pytest.approx(said.losses["sigmoid"], abs=1e-6)
    assert np.abs(out[0] - p).mean() < 0.05


def test_no_image_helps_to_calibrate_itself():
    scores, y, _ = drawn(100)
    folds = np.arange(100) % 5
    *_, out, _ = chosen(scores, y, folds, method="sigmoid")
    other = y.copy()
    other[0] = (y[0] + 1) % 3
    *_, again, _ = chosen(scores, other, folds, method="sigmoid")
    mine = folds == folds[0]
    scale = fit_temperature(scores, y, np.ones(100)) / fit_temperature(scores, other, np.ones(100))
    assert scale != 1  # the other label does change what the others' maps are
    np.testing.assert_allclose(out[0, mine], again[0, mine], atol=5e-3)
    assert np.abs(out[0, ~mine] - again[0, ~mine]).max() > 5e-3


def test_isotonic_maps_wait_for_labels_and_rise():
    scores, y, p = drawn(1500, slope=0.5)
    folds = np.arange(1500) % 5
    *_, said = chosen(scores, y, folds)
    assert set(said.losses) == {"temperature", "sigmoid", "isotonic"}
    with pytest.raises(FewshotLabError, match="possible: temperature, sigmoid"):
        chosen(scores[:300], y[:300], folds[:300], method="isotonic")
    found = Isotonic.fit(scores, y, np.ones(1500))
    for x, height in found.knots:
        assert (np.diff(x) > 0).all() and (np.diff(height) >= 0).all()
    assert np.abs(found(scores) - p).mean() < 0.04


@pytest.mark.parametrize("name", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("K", [2, 3])
def test_every_map_is_the_same_in_scikit_learn(blobs, name, K, monkeypatch):
    monkeypatch.setattr("fewshot_lab.classifiers.calibration.ISOTONIC_LABELS", 60)
    monkeypatch.setattr("fewshot_lab.classifiers.calibration.ISOTONIC_PER_CLASS", 10)
    X, y = blobs((40,) * K, d=12, spread=2.5)
    more = blobs((40,) * K, d=12, spread=2.5, seed=1)[0]
    fitted = fit(X, y, name="logreg", calibration=name)
    assert fitted.calibration.name == name
    found = fitted.to_sklearn().predict_proba(more)
    np.testing.assert_allclose(found, fitted.probabilities(more), atol=1e-5)
    pool = Pool(X)
    same = fit(X, y, name="logreg", calibration=name, pool=pool, rows=np.arange(len(X)))
    np.testing.assert_allclose(same.pool_probabilities(pool), same.probabilities(X), atol=1e-5)


def test_a_machine_with_a_sigmoid_per_class(blobs):
    X, y = blobs((30, 30, 30), d=12, spread=2.5)
    fitted = fit(X, y, name="rbf-svm", calibration="sigmoid")
    found = fitted.to_sklearn().predict_proba(X)
    np.testing.assert_allclose(found, fitted.probabilities(X), atol=1e-5)


def test_with_single_labels_it_says_that_nothing_was_measured(blobs):
    X, y = blobs((1, 1, 1), d=6)
    assert "second label" in fit(X, y, name="logreg").calibration.sentence


@given(
    m=st.integers(1, 60),
    K=st.integers(2, 6),
    size=st.floats(0.01, 300),
    seed=st.integers(0, 10_000),
)
def test_confidence_is_no_higher_than_the_rule_of_succession(m, K, size, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, m)
    scores = (np.eye(K)[y] + rng.normal(scale=rng.uniform(0, 1), size=(m, K))) * size
    weights = np.ones(m, dtype=np.float32)
    limit = ((scores.argmax(axis=1) == y).sum() + 1) / (m + 2)

    def confidence(temperature):
        return softmax(scores / temperature).max(axis=1).mean()

    found = no_surer(1.0, scores, y, weights)
    if found == 1.0:
        assert confidence(1.0) <= limit + 1e-5
    elif confidence(50.0) < limit:  # else no temperature is enough
        assert confidence(found) == pytest.approx(limit, abs=2e-3)


def test_three_images_of_each_class_all_told_right_do_not_make_it_sure(blobs):
    """Far apart as these are, nine images cannot show that it errs less than once in ten."""
    X, y = blobs((3, 3, 3), d=32, spread=0.3)
    more, truth = blobs((50, 50, 50), d=32, spread=0.3, seed=1)
    for quick in (True, False):
        fitted = fit(X, y, quick=quick, near_duplicates=None)
        p = fitted.probabilities(more)
        assert (fitted.class_ids[p.argmax(axis=1)] == truth).all()
        assert 0.8 < p.max(axis=1).mean() < 0.95
