import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.classifiers import TITLES, Pool, fit, fit_same, soft_labels
from fewshot_lab.errors import FewshotLabError

OWN = ["auto", "stack", "lda", "logreg", "rbf-svm"]


def accuracy(fitted, X, y):
    return float((fitted.predict(X) == y).mean())


@pytest.mark.parametrize("name", [*OWN, "paper-svm", "paper-logreg", "paper-knn"])
def test_it_learns(blobs, name):
    X, y = blobs((12, 12, 12), d=24)
    more, truth = blobs((60, 60, 60), d=24, seed=1)
    fitted = fit(X, y, name=name)
    assert accuracy(fitted, more, truth) > 0.9
    p = fitted.probabilities(more)
    assert p.shape == (180, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-4)
    assert list(fitted.class_ids) == [3, 5, 7]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [(name, sizes) for name in OWN for sizes in [(1, 1), (1, 1, 1), (1, 5, 3), (2, 2, 2)]]
    + [("paper-svm", (1, 1)), ("paper-logreg", (1, 1, 1)), ("paper-knn", (1, 5, 3))],
)
def test_one_label_in_a_class_is_enough(blobs, name, sizes):
    X, y = blobs(sizes, d=16)
    pool = Pool(np.concatenate([X, blobs((20,) * len(sizes), d=16, seed=2)[0]]))
    fitted = fit(X, y, name=name, pool=pool, rows=np.arange(len(X)))
    assert np.isfinite(fitted.pool_probabilities(pool)).all()
    if name in OWN:
        assert accuracy(fitted, X, y) > 0.6
    assert fitted.sentence.endswith(".")


@pytest.mark.parametrize("name", OWN)
def test_the_pool_and_the_embeddings_give_the_same_probabilities(blobs, name):
    X, y = blobs((40, 40, 40), positive=True)
    pool = Pool(X)
    rows = np.arange(0, 120, 2)
    fitted = fit(X[rows], y[rows], name=name, pool=pool, rows=rows)
    np.testing.assert_allclose(fitted.pool_probabilities(pool), fitted.probabilities(X), atol=1e-5)
    # Rows are a short cut: without them everything is computed, and the same, if what is labelled
    # does not count as unlabelled, too.
    labelled = np.isin(np.arange(120), rows)
    again = fit(X[rows], y[rows], name=name, pool=pool, apart=labelled)
    np.testing.assert_allclose(again.probabilities(X), fitted.probabilities(X), atol=1e-4)


@pytest.mark.parametrize("name", OWN)
def test_the_same_labels_give_the_same_classifier(blobs, name):
    X, y = blobs((15, 20, 9), spread=2.0)
    a, b = (fit(X, y, name=name) for _ in range(2))
    assert a.sentence == b.sentence
    assert a.parameters == b.parameters
    assert (a.probabilities(X) == b.probabilities(X)).all()


@pytest.mark.parametrize("name", OWN)
def test_what_was_chosen_is_fitted_on_other_labels_without_choosing_anew(blobs, name):
    X, y = blobs((40, 40, 40), spread=2.0)
    pool = Pool(X)
    few, rows = np.arange(0, 120, 3), np.arange(0, 120, 2)
    shares = [((int(c), 0.7), (3, 0.3)) if c != 3 else () for c in y[rows]]
    soft = soft_labels(y[rows], shares)
    whole = fit(X[rows], y[rows], name=name, pool=pool, rows=rows, soft=soft)
    again = fit_same(whole, X[rows], y[rows], pool=pool, rows=rows, soft=soft)
    assert again is not None
    assert (again.probabilities(X) == whole.probabilities(X)).all()
    before = fit(X[few], y[few], name=name, pool=pool, rows=few)
    more = fit_same(before, X[rows], y[rows], pool=pool, rows=rows)
    assert (more.probabilities(X) != before.probabilities(X)).any()
    assert more is not None
    assert more.out_of_fold is before.out_of_fold and more.parameters == before.parameters


def test_what_was_chosen_with_few_labels_is_fitted_on_many_and_on_all(blobs):
    X, y = blobs((70, 70), spread=2.0)
    pool = Pool(X)
    few, many, every = np.arange(0, 140, 2), np.arange(130), np.arange(140)
    before = fit(X[few], y[few], name="stack", pool=pool, rows=few)
    assert before.parameters["unlabelled images"] == 70
    after = fit_same(before, X[many], y[many], pool=pool, rows=many)
    assert after is not None and np.isfinite(after.probabilities(X)).all()
    assert fit_same(before, X, y, pool=pool, rows=every) is None


def test_half_precision_embeddings_will_do(blobs):
    X, y = blobs((20, 20), positive=True)
    half = fit(X.astype(np.float16), y).probabilities(X.astype(np.float16))
    np.testing.assert_allclose(half, fit(X, y).probabilities(X), atol=0.05)


def test_the_sentence_says_what_was_chosen_and_by_how_much(blobs):
    X, y = blobs((30, 30, 30), spread=2.5)
    fitted = fit(X, y)
    assert fitted.sentence.startswith(f"{fitted.title} chosen over ")
    assert fitted.title == TITLES[fitted.name]
    assert fit(X, y, name="lda").sentence == "LDA, as chosen by hand."


@pytest.mark.slow
def test_out_of_fold_images_were_not_seen(blobs):
    """Labels without meaning are learnt by heart, but not predicted out of fold."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 64)).astype(np.float32), np.arange(120) % 2
    for name in OWN:
        found = fit(X, y, name=name).out_of_fold
        predicted = found.mean.argmax(axis=1)
        assert 0.3 < (predicted == found.y).mean() < 0.7


def test_images_of_a_group_do_not_vouch_for_each_other():
    """Each patient has a look of its own: without groups the figures are too good."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 6)
    y = patient % 2
    X = rng.normal(size=(30, 40))[patient] + 0.1 * rng.normal(size=(180, 40))
    X = X.astype(np.float32)

    def out_of_fold_accuracy(groups):
        found = fit(X, y, name="logreg", groups=groups).out_of_fold
        return (found.mean.argmax(axis=1) == found.y).mean()

    assert out_of_fold_accuracy(patient) < 0.7


def test_rare_classes_count_as_much_as_common_ones(blobs):
    X, y = blobs((200, 10), d=8, spread=2.0)
    more, truth = blobs((200, 200), d=8, spread=2.0, seed=1)
    for name in ("lda", "logreg", "rbf-svm"):
        predicted = fit(X, y, name=name).predict(more)
        recalls = [(predicted[truth == k] == k).mean() for k in (3, 5)]
        assert abs(recalls[0] - recalls[1]) < 0.35


@pytest.mark.parametrize("name", OWN)
def test_probabilities_mean_what_they_say(blobs, name):
    X, y = blobs((60, 60, 60), d=8, spread=2.0)
    more, truth = blobs((600, 600, 600), d=8, spread=2.0, seed=1)
    p = fit(X, y, name=name).probabilities(more)
    confidence = p.max(axis=1)
    right = np.array([3, 5, 7])[p.argmax(axis=1)] == truth
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        part = (confidence > low) & (confidence <= high)
        if part.sum() > 100:
            assert abs(confidence[part].mean() - right[part].mean()) < 0.12


def test_fifty_classes(blobs):
    X, y = blobs((3,) * 50, d=64, spread=0.7)
    fitted = fit(X, y, quick=True)
    assert len(fitted.class_ids) == 50
    assert accuracy(fitted, X, y) > 0.9


@pytest.mark.parametrize("name", [*OWN, "paper-svm"])
def test_constant_features_duplicates_and_gaps(blobs, name):
    X, y = blobs((10, 10, 10), d=16)
    X[:, :8] = 0.5
    X[:, 8] = 0
    X = np.concatenate([X, X[:5], X[:5]])
    y = np.concatenate([y, y[:5], y[:5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit(X, y, name=name)
    assert np.isfinite(fitted.probabilities(X)).all()


@pytest.mark.parametrize("name", OWN)
def test_identical_embeddings_and_missing_values_do_not_break_it(name):
    X = np.ones((12, 16), dtype=np.float32)
    y = np.arange(12) % 3
    assert np.isfinite(fit(X, y, name=name).probabilities(X)).all()
    X = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)
    X[3] = np.nan
    X[5, 2] = np.inf
    assert np.isfinite(fit(X, y, name=name).probabilities(X)).all()


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=6),
    st.integers(0, 1000),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_labels_there_are_probabilities(sizes, seed, grouped):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = np.round(rng.normal(size=(len(y), 6)), 1).astype(np.float32)
    groups = rng.integers(0, 4, len(y)) if grouped else None
    fitted = fit(X, y, groups=groups, quick=True)
    p = fitted.probabilities(X)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-4)
    found = fitted.out_of_fold
    kept = found.probabilities[:, found.scored]
    assert np.isfinite(kept[~np.isnan(kept)]).all()


def test_what_cannot_be_done_is_said():
    X = np.zeros((4, 3), dtype=np.float32)
    with pytest.raises(FewshotLabError, match="at least two classes"):
        fit(X, np.zeros(4, dtype=np.int64))
    with pytest.raises(FewshotLabError, match="no classifier 'forest'; choose one of auto"):
        fit(X, np.arange(4), name="forest")


def test_a_check_can_stop_a_fit(blobs):
    class EnoughError(Exception):
        pass

    def check():
        raise EnoughError

    X, y = blobs((10, 10))
    with pytest.raises(EnoughError):
        fit(X, y, check=check)


def test_a_large_pool_is_held_in_two_bytes_a_number(blobs, monkeypatch):
    X, y = blobs((140, 140, 120), seed=3)
    exact = Pool(X)
    monkeypatch.setattr("fewshot_lab.classifiers.pool.TWO_BYTES_FROM", 300)
    held = Pool(X)
    rows = np.arange(0, 400, 7)
    for at in (rows, slice(5, 90), 17, (rows, slice(3))):
        np.testing.assert_allclose(held.rotated[at], exact.rotated[at], atol=2e-5)
    one, other = (fit(X[rows], y[rows], pool=pool, rows=rows, quick=True) for pool in (exact, held))
    np.testing.assert_allclose(
        one.pool_probabilities(exact), other.pool_probabilities(held, np.arange(400)), atol=2e-3
    )
