"""The audit estimate under active sampling, and how many labels halve its interval."""

import numpy as np
import pytest

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.evaluation import cross_validation, labels_to_halve, test_figures
from fewshot_lab.evaluation.labels_needed import labels_until_narrow
from fewshot_lab.sampling import BATCH, draw_units, suggest_by
from fewshot_lab.stats import Stratum, Unit, audit_weights, wilson


@pytest.mark.parametrize(("correct", "n"), [(45, 50), (160, 200), (10, 20)])
def test_as_many_labels_halve_the_interval_as_it_says(correct, n):
    now = wilson(correct, n)
    more = labels_to_halve(now)
    half = wilson(correct / n * (n + more), n + more)
    assert (half.high - half.low) == pytest.approx((now.high - now.low) / 2, rel=0.02)
    assert labels_to_halve(now, pool=n + more) == more
    assert labels_to_halve(now, pool=n + more - 1) is None


@pytest.mark.parametrize(("right", "n"), [(9, 12), (12, 12), (3, 4), (30, 40)])
def test_a_figure_waits_for_as_many_labels_as_make_it_mean_something(right, n):
    more = labels_until_narrow(wilson(right, n))
    expected = (right + 1) / (n + 2)
    there = wilson(expected * (n + more), n + more)
    assert there.high - there.low == pytest.approx(0.2, abs=0.005)
    assert labels_until_narrow(there) <= 1
    assert labels_until_narrow(wilson(right, n), pool=n + more - 1) is None


def test_patients_that_fail_together_need_more_labels():
    hits = np.tile([1, 1, 1, 0], 10)
    y = np.zeros(40, int)
    alone = test_figures(y, 1 - hits, [0, 1])
    together = test_figures(y, 1 - np.sort(hits), [0, 1], groups=np.repeat(np.arange(10), 4))
    assert 0 < alone.until_narrow < together.until_narrow


def test_classes_that_never_came_are_named():
    found = test_figures(np.array([1, 1, 2]), np.array([1, 3, 2]), [1, 2, 3])
    assert found.balanced_title == "Balanced accuracy of 2 of 3 classes"
    assert found.missing == (3,)
    assert not found.recall[3].n
    assert found.precision[3].value == 0
    assert found.balanced_accuracy.value == pytest.approx(0.75)


def test_where_groups_are_too_few_it_says_so_and_states_no_balanced_accuracy():
    y, predicted = np.array([1, 1, 2, 2]), np.array([1, 1, 2, 1])
    found = test_figures(y, predicted, [1, 2], groups=np.array([0, 0, 1, 1]), lacking={2: 30, 1: 4})
    assert not found.balanced_accuracy.n
    assert found.more is None
    assert found.accuracy.value == 0.75
    assert found.why_not({1: "ig", 2: "platelet"}, "patient") == (
        "No balanced accuracy yet: 2 patients are too few for platelet, ig, of which most patients "
        "show many images or none. About 30 further patients would do."
    )
    never = test_figures(y, predicted, [1, 2], groups=np.array([0, 0, 1, 1]), lacking={2: 0})
    assert never.why_not({}, "slide").endswith("The pool does not have that many.")
    assert not test_figures(y, predicted, [1, 2]).why_not({}, "patient")


def test_weights_change_the_estimate():
    """A stratum drawn at four times the rate counts a quarter."""
    y = np.array([0] * 10 + [1] * 10)
    predicted = np.array([0] * 10 + [0] * 10)
    weights = np.repeat([8.0, 2.0], 10)
    found = test_figures(y, predicted, [0, 1], weights=weights, strata=np.repeat([0, 1], 10))
    assert found.accuracy.value == pytest.approx(0.8)
    assert found.prevalence[1].value == pytest.approx(0.2)
    assert found.weighted


def pool(rng):
    """Three classes, one of them rare and half mixed up with another."""
    y = rng.choice(3, 500, p=[0.6, 0.3, 0.1])
    centres = np.array([[0, 0, 0, 0], [4, 0, 0, 0], [2.8, 2.0, 0, 0]], float)
    return centres[y] + rng.normal(size=(500, 4)), y


@pytest.mark.exhaustive
def test_the_audit_is_unbiased_where_cross_validation_is_not():
    """Labels are picked by the app's own suggestions, a third of the audit by predicted class."""
    audit, naive, held = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, y = pool(rng)
        fresh, truth = pool(rng)
        of, code = Pool(X), np.arange(len(X))
        design, known, drawn = [], np.zeros(500, bool), np.zeros(500, bool)
        fitted = None
        for step in range(6):
            by = fitted.predict(X) if fitted is not None and step == 5 else None
            found = draw_units(code, ~drawn, 8 if by is None else 20, rng, strata=by)
            design.append([])
            for name, units in found:
                drawn[[u[0][0] for u in units]] = True
                told = [Unit((str(u[0][0]),), *u[1:]) for u in units]
                design[-1].append(Stratum("" if by is None else str(name), 500, tuple(told)))
            known |= drawn
            train = np.flatnonzero(known & ~drawn)
            p = fitted.pool_probabilities(of) if fitted is not None else None
            ids = [] if fitted is None else fitted.class_ids.tolist()
            chosen = suggest_by(
                "mixed",
                of,
                [str(i) for i in range(500)],
                labelled=np.where(known & ~drawn, [ids.index(c) if c in ids else 0 for c in y], -1),
                eligible=~known,
                probabilities=p,
                class_ids=ids,
                names=[str(c) for c in ids],
                n=BATCH - 5,
                seed=step,
            )
            known[[int(s.image_id) for s in chosen]] = True
            train = np.flatnonzero(known & ~drawn)
            fitted = fit(X[train], y[train], name="lda", pool=of, rows=train, quick=True)
        rows = np.flatnonzero(drawn)
        weights = audit_weights(design, [str(i) for i in rows])
        figures = test_figures(
            y[rows],
            fitted.predict(X[rows]),
            fitted.class_ids.tolist(),
            weights=np.array([weights[str(i)].weight for i in rows]),
            strata=np.unique([weights[str(i)].stratum for i in rows], return_inverse=True)[1],
        )
        real = (fitted.predict(fresh) == truth).mean()
        audit.append(figures.accuracy.value - real)
        held.append(figures.accuracy.low <= real <= figures.accuracy.high)
        cv = cross_validation(fitted)
        n = np.array([cv.recall[c].n for c in fitted.class_ids.tolist()])
        naive.append(
            np.average([cv.recall[c].value for c in fitted.class_ids.tolist()], weights=n) - real
        )
    error = np.std(audit, ddof=1) / np.sqrt(len(audit))
    assert abs(np.mean(audit)) < 3 * error
    assert error < 0.02
    assert np.mean(held) >= 0.85
    assert np.mean(naive) < -0.05
