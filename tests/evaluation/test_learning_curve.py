"""The learning curve: power laws found again, gains that cover, advice in words, no leak."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module

import numpy as np
import pytest

from fewshot_lab.classifiers import Pool, fit, subset_predictions
from fewshot_lab.evaluation import Advice, Pace, learning_curve, pace
from fewshot_lab.evaluation.advice import about, points
from fewshot_lab.evaluation.curves import Band
from fewshot_lab.stats import fit_power_laws
from fewshot_lab.store import Event


def cells(n=4000, k=4, d=24, seed=0, apart=0.55):
    random = np.random.default_rng(seed)
    y = random.integers(0, k, n)
    centres = random.normal(size=(k, d)) * apart
    return (centres[y] + random.normal(size=(n, d))).astype(np.float32), y


def balanced(y, predicted):
    return float(np.mean([(predicted[y == k] == k).mean() for k in np.unique(y)]))


def test_a_power_law_is_found_again():
    sizes = np.array([20.0, 40, 80, 160, 320])
    truth = 0.95 - 1.2 * sizes**-0.5
    random = np.random.default_rng(0)
    measured = truth + random.normal(0, 0.002, (400, 5))
    laws = fit_power_laws(sizes, measured, np.full(5, 0.002**2))
    gain = laws.gain(320, 640)
    real = 1.2 * (320**-0.5 - 640**-0.5)
    assert np.quantile(gain, 0.1) < real < np.quantile(gain, 0.9)
    assert np.median(gain) == pytest.approx(real, abs=0.004)
    assert np.median(laws.at(320)) == pytest.approx(truth[-1], abs=0.003)


def test_no_law_falls_or_passes_one():
    sizes = np.array([10.0, 20, 40])
    falling = np.array([[0.9, 0.85, 0.8], [0.9, 0.97, 1.0]])
    laws = fit_power_laws(np.asarray(sizes), falling, np.full(3, 1e-4))
    assert (laws.gain(40, 90) >= 0).all()
    assert (laws.at(1e9) <= 1).all()


def test_subset_fits_are_those_of_the_classifier_itself():
    X, y = cells(300)
    pool = Pool(X)
    rows = np.arange(120)
    train, test = np.zeros((1, 120), bool), np.zeros((1, 120), bool)
    train[0, :80], test[0, 80:] = True, True
    for name in ("lda", "logreg", "rbf-svm"):
        fitted = fit(X[:80], y[:80], name=name, pool=pool, rows=rows[:80])
        found = subset_predictions(
            pool, rows, y[:120], train, test, name=name, parameters=fitted.parameters
        )
        assert (found[0, :80] == -1).all()
        same = found[0, 80:] == fitted.probabilities(X[80:120]).argmax(axis=1)
        assert same.mean() >= (1.0 if name == "lda" else 0.95), name


def test_a_fold_in_which_nothing_is_asked_stops_no_other():
    X, y = cells(300)
    train, test = np.ones((2, 120), bool), np.zeros((2, 120), bool)
    train[1, 80:], test[1, 80:] = False, True
    for name in ("lda", "logreg", "rbf-svm"):
        found = subset_predictions(Pool(X), np.arange(120), y[:120], train, test, name=name)
        assert (found[0] == -1).all()
        assert (found[1, 80:] >= 0).all()


@pytest.mark.exhaustive
def test_the_gain_holds_the_real_one_at_the_stated_rate():
    """Forty times: labels at random, the next 50 predicted, then really labelled."""
    X, y = cells()
    test = np.arange(2000, 4000)
    held, predicted, real = 0, [], []
    for trial in range(40):
        order = np.random.default_rng(trial).permutation(2000)
        pool = Pool(X[order[:600]])
        fits = [fit(X[order[:m]], y[order[:m]], name="lda", pool=pool) for m in (120, 170)]
        before, after = (balanced(y[test], f.predict(X[test])) for f in fits)
        curve = learning_curve(
            pool, np.arange(120), y[order[:120]], parameters=fits[0].parameters, repeats=4
        )
        assert curve is not None and curve.basis == "labels" and curve.trains == 50
        held += curve.gain.low <= after - before <= curve.gain.high
        predicted.append(curve.gain.value)
        real.append(after - before)
    assert 0.70 <= held / 40 <= 1.0
    assert np.mean(predicted) == pytest.approx(np.mean(real), abs=0.012)


@pytest.mark.exhaustive
def test_the_gain_of_a_class_holds_the_real_one_at_the_stated_rate():
    """As above, with 20 more labels of one class alone."""
    X, y = cells()
    test = np.arange(2000, 4000)
    held = 0
    for trial in range(40):
        order = np.random.default_rng(trial).permutation(2000)
        pool, k = Pool(X[order[:600]]), trial % 4
        more = [*order[:120], *order[120:][y[order[120:]] == k][:20]]
        fits = [fit(X[own], y[own], name="lda", pool=pool) for own in (order[:120], more)]
        mine = test[y[test] == k]
        before, after = ((f.predict(X[mine]) == k).mean() for f in fits)
        curve = learning_curve(
            pool, np.arange(120), y[order[:120]], parameters=fits[0].parameters, repeats=4
        )
        assert curve is not None
        gain = curve.classes[k].gain
        assert gain is not None
        held += gain.low <= after - before <= gain.high
    assert 0.70 <= held / 40 <= 1.0, held


def test_hard_labels_are_brought_to_the_height_of_the_audit():
    """Labels picked by doubt look worse than the pool; a few audit images set that right."""
    X, y = cells()
    pool = Pool(X[:2000])
    start = fit(X[:40], y[:40], name="lda", pool=pool, rows=np.arange(40))
    sure = np.sort(start.pool_probabilities(pool), axis=1)
    doubt = 40 + np.argsort((sure[:, -1] - sure[:, -2])[40:1900])[:120]
    audit = np.arange(1900, 1955)
    rows = np.concatenate([np.arange(40), doubt, audit])
    is_audit = np.isin(rows, audit)
    plain = learning_curve(pool, rows[~is_audit], y[rows[~is_audit]])
    scaled = learning_curve(pool, rows, y[rows], audit=is_audit)
    known = rows[~is_audit]
    real = balanced(y[2000:], fit(X[known], y[known], name="lda", pool=pool).predict(X[2000:]))
    assert plain is not None and scaled is not None
    assert not plain.scaled and scaled.scaled and scaled.basis == "labels"
    assert plain.accuracy[-1].value < real - 0.05
    assert abs(scaled.accuracy[-1].value - real) < abs(plain.accuracy[-1].value - real)
    enough = np.concatenate([known, np.arange(1900, 2000)])
    on_audit = learning_curve(pool, enough, y[enough], audit=enough >= 1900)
    assert on_audit is not None and on_audit.basis == "audit" and on_audit.tested == 100


def test_no_group_and_no_near_duplicate_is_on_both_sides(monkeypatch):
    module = import_module("fewshot_lab.evaluation.learning_curve")
    X, y = cells(160)
    X[1], y[1] = X[0] * 1.0001, y[0]
    groups = np.array([f"p{i // 4}" for i in range(160)], dtype=object)
    audit = np.arange(160) >= 120
    seen = []

    def spy(pool, rows, code, train, test, **rest):
        seen.append((rows, train, test))
        return subset_predictions(pool, rows, code, train, test, **rest)

    monkeypatch.setattr(module, "subset_predictions", spy)
    curve = learning_curve(Pool(X), np.arange(160), y, audit=audit, groups=groups)
    assert curve is not None and curve.labels == 120
    rows, train, test = seen[0]
    for learns, asked in zip(train, test, strict=True):
        assert not set(groups[rows[learns]]) & set(groups[rows[asked]])
        assert not audit[rows[learns]].any()
        assert not ({0, 1} <= {*rows[learns]} ^ {*rows[asked]} and learns[0] != learns[1])


def test_too_few_labels_make_no_curve_and_the_same_labels_the_same_one():
    X, y = cells(60)
    assert learning_curve(Pool(X), np.arange(6), np.array([0, 0, 0, 1, 1, 1])) is None
    one = np.zeros(60, dtype=np.int64)
    assert learning_curve(Pool(X), np.arange(60), one) is None
    one_slide = np.zeros(60, int)
    assert learning_curve(Pool(X), np.arange(60), y, groups=one_slide) is None
    first, second = (learning_curve(Pool(X), np.arange(60), y) for _ in range(2))
    assert first == second
    # Ahead it begins where it was measured, and is nowhere surer than there.
    at, ahead = first.ahead[0]
    assert at == first.sizes[-1]
    last = first.accuracy[-1]
    assert ahead.value == pytest.approx(last.value)
    assert ahead.low <= last.low + 1e-9 and ahead.high >= last.high - 1e-9


def test_advice_is_in_words_and_json():
    X, y = cells(400, k=3, apart=2.5)
    curve = learning_curve(Pool(X), np.arange(200), y[:200])
    assert curve is not None
    advice = Advice(7, curve, {0: "monocyte", 1: "lymphocyte", 2: "basophil"})
    found = json.loads(json.dumps(advice.to_dict()))
    assert found["done"] and found["sentence"].startswith(
        "Little gain expected: the next 50 labels"
    )
    assert found["classes"][1]["advice"] == "lymphocyte: done"
    poor = replace(curve.classes[1], recall=(Band(0.1, 0.0, 0.3),))
    assert advice.of_class(poor) == "lymphocyte: no gain expected"
    growing = replace(curve.classes[0], gain=Band(0.0102, -0.001, 0.03))
    assert advice.of_class(growing) == (
        "monocyte: 20 more labels are worth about 1 point of its recall (−0.1 to 3.0)"
    )
    unknown = replace(curve.classes[0], gain=None, n=4, tested=2)
    assert advice.of_class(unknown) == "monocyte: too few to say (4 labels, 2 to measure by)"
    rising = replace(curve, gain=Band(0.03, 0.01, 0.05))
    quick = Advice(7, rising, {}, pace=Pace(0.4, 0.2, 0.9, 50))
    assert quick.sentence.endswith(" and take less than a minute.")
    slow = Advice(7, rising, {}, pace=Pace(6.0, 3.0, 9.0, 50))
    assert slow.sentence.endswith(" and take some 5 minutes (2–8).")
    # A flat curve of the other classes is no reason to stop while one has hardly a label.
    partial = Advice(7, curve, {3: "effusion"}, labelled=[0, 1, 2, 3])
    assert not partial.done
    assert partial.sentence.endswith("because fewer than four labels train: effusion.")
    assert about(Band(0.024, 0, 0)) == "about 2.4 points"
    assert points(Band(0.02, 0.004, 0.031)) == "0.4–3.1"
    assert Advice(0, None, {}).to_dict()["next"] is None


def event(position, spent_ms, *, view="grid", machine=False, annotator="kim", kind="class"):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(
        id=position, position=position, what="label", time=at, annotator=annotator,
        image_id=f"{position}", kind=kind, class_id=1, view=view, strategy=None, shown=None,
        spent_ms=spent_ms, machine=machine, note=None, client="c", q=position,
    )  # fmt: skip


def test_the_pace_is_of_labels_by_eye():
    by_eye = [event(i, 2000 + 100 * (i % 5)) for i in range(40)]
    others = [event(100 + i, 10, view="script") for i in range(40)]
    others += [event(200 + i, 10, machine=True) for i in range(40)]
    others.append(event(300, 500_000))  # went for coffee
    found = pace(by_eye + others)
    assert found is not None and found.n == 41
    assert 2.0 < found.seconds < 4.5
    assert found.low <= found.seconds <= found.high
    assert pace(by_eye[:9]) is None
    assert pace(by_eye, annotator="lee") is None
    # Sixteen images in one action: the time is shared.
    many = [event(i, 8000) for i in range(20) for _ in range(16)]
    assert pace(many).seconds == pytest.approx(0.5)
