from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from fewshot_lab.classifiers import OutOfFold, fit
from fewshot_lab.evaluation import cross_validation, suspects
from fewshot_lab.stats import Sample, mean_recall


def data(n=40, seed=0, spread=1.5, classes=3, d=24):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(classes, d))
    y = np.repeat(np.arange(classes), n)
    return (centres[y] + spread * rng.normal(size=(len(y), d))).astype(np.float32), y + 10


def test_figures_are_those_of_the_out_of_fold_predictions():
    X, y = data(spread=3.0)
    fitted = fit(X, y, name="logreg")
    found = cross_validation(fitted, [str(i) for i in range(len(y))])
    p = fitted.out_of_fold.probabilities
    scores = [balanced_accuracy_score(y, fitted.class_ids[one.argmax(axis=1)]) for one in p]
    assert found.balanced_accuracy.value == pytest.approx(np.mean(scores))
    assert found.n == 120
    assert found.repeats == len(p)
    assert found.ids[5] == "5"
    assert (found.y == y).all()
    by_mean = fitted.class_ids[np.nanmean(p, axis=0).argmax(axis=1)]
    np.testing.assert_array_equal(found.confusion, confusion_matrix(y, by_mean))
    for c in found.class_ids:
        mine = [(fitted.class_ids[one.argmax(axis=1)] == c)[y == c].mean() for one in p]
        assert found.recall[int(c)].value == pytest.approx(np.mean(mine))
        assert found.recall[int(c)].n == 40
    np.testing.assert_allclose(found.out_of_fold.sum(axis=1), 1, atol=1e-4)


def test_a_class_with_one_label_is_not_judged():
    X, y = data()
    keep = (y != 12) | (np.arange(len(y)) == 119)
    found = cross_validation(fit(X[keep], y[keep], name="lda"))
    assert np.isnan(found.recall[12].value)
    assert found.recall[12].n == 0
    assert found.n == 80
    assert not found.balanced_accuracy.n
    assert found.why_not({12: "rare"}) == (
        "No balanced accuracy yet: rare could not be tested. Every class needs labels of at least "
        "two images, so that one can be held out."
    )


def test_labels_of_one_group_are_told_to_lack_a_second_and_not_a_second_image():
    X, y = data()
    groups = np.where(y == 12, "slide A", np.arange(len(y)).astype(str))
    found = cross_validation(fit(X, y, groups=groups, name="lda"), groups=groups)
    assert not found.recall[12].n
    assert found.why_not({12: "rare"}) == (
        "No balanced accuracy yet: rare could not be tested. Every class needs labels of at least "
        "two images, of two groups (slides, patients), so that one can be held out."
    )


def test_one_label_per_class_gives_no_figure():
    X, y = data(n=1)
    found = cross_validation(fit(X, y))
    assert np.isnan(found.balanced_accuracy.value)
    assert found.n == 0
    assert suspects(fit(X, y), ["a", "b", "c"]) == ()


def test_doubtful_labels_follow_those_that_are_contradicted():
    X, y = data()
    y[0] = 11  # contradicted by all of its kind
    ids = [str(i) for i in range(len(y))]
    fitted = fit(X, y, name="logreg")
    plain = [s.image_id for s in suspects(fitted, ids)]
    assert plain[0] == "0"
    agreed = [i for i in ids[50:53] if i not in plain]
    listed = suspects(fitted, ids, agreed)
    assert [s.image_id for s in listed][: len(plain)] == plain
    assert {s.image_id for s in listed[len(plain) :]} == set(agreed)
    assert all(s.predicted != s.label for s in listed)


def test_the_interval_holds_what_new_images_show():
    more, truth = data(n=1000, seed=99, spread=4.0)
    covered = 0
    for seed in range(10):
        X, y = data(n=25, seed=seed, spread=4.0)
        fitted = fit(X, y, name="lda")
        found = cross_validation(fitted).balanced_accuracy
        true = balanced_accuracy_score(truth, fitted.predict(more))
        covered += found.low <= true <= found.high
    assert covered >= 8


def test_planted_errors_are_suspected_first():
    X, y = data(n=80)
    rng = np.random.default_rng(1)
    wrong = rng.choice(len(y), 12, replace=False)
    labels = y.copy()
    labels[wrong] = 10 + (labels[wrong] - 10 + rng.integers(1, 3, 12)) % 3
    fitted = fit(X, labels, quick=True)
    found = suspects(fitted, [str(i) for i in range(len(y))])
    first = {int(s.image_id) for s in found[:24]}
    assert len(first & set(wrong.tolist())) >= 10
    for suspect in found:
        assert suspect.label == labels[int(suspect.image_id)]
        assert suspect.predicted != suspect.label
    gaps = [s.probability for s in found]
    assert gaps[0] > gaps[-1]


@pytest.mark.slow
def test_the_interval_allows_for_patients_of_whom_all_classes_fail():
    """Fifty patients of six images; one in ten is got wrong throughout."""
    rng = np.random.default_rng(0)
    groups, truth, held, trials = np.repeat(np.arange(50), 6), 0.9 * 0.95 + 0.1 * 0.2, 0, 2000
    for _ in range(trials):
        y = rng.integers(0, 4, 300)
        odd = (rng.random(50) < 0.1)[groups]
        right = rng.random(300) < np.where(odd, 0.2, 0.95)
        seen = np.where(right, y, (y + 1) % 4)
        p = np.eye(4, dtype=np.float32)[seen][None]
        out = OutOfFold(p, y, groups, np.zeros((1, 300), np.int64))
        fitted = SimpleNamespace(out_of_fold=out, class_ids=np.arange(4))
        found = cross_validation(fitted).balanced_accuracy
        held += found.low <= truth <= found.high
    assert 0.92 <= held / trials <= 0.98, held / trials


def test_twenty_labels_tell_less_of_their_classifiers_than_twenty_audit_images():
    y = np.arange(20) % 4
    p = np.eye(4, dtype=np.float32)[np.where(np.arange(20) < 16, y, (y + 1) % 4)][None]
    out = OutOfFold(p, y, np.arange(20), np.zeros((1, 20), np.int64))
    found = cross_validation(SimpleNamespace(out_of_fold=out, class_ids=np.arange(4)))
    audit = mean_recall(y, p[0].argmax(axis=1), Sample.of(np.ones(20)))
    accuracy = found.balanced_accuracy
    assert accuracy.value == audit.value == pytest.approx(0.8)
    assert accuracy.low < audit.low - 0.005 and accuracy.high > audit.high + 0.005
