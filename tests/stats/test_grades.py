"""Figures of grades: golden values of scikit-learn, and intervals that hold the truth."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from fewshot_lab.stats import at_least, grade_error, quadratic_agreement, quadratic_kappa


def two_raters(seed: int, n: int, grades: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, grades, n)
    return first, np.clip(first + rng.integers(-1, 2, n), 0, grades - 1)


@pytest.mark.parametrize("grades", [2, 3, 5])
def test_the_weighted_kappa_is_that_of_scikit_learn(grades):
    for seed in range(5):
        a, b = two_raters(seed, 60, grades)
        expected = cohen_kappa_score(a, b, weights="quadratic", labels=range(grades))
        assert quadratic_kappa(a, b, grades).value == pytest.approx(expected)


def test_the_interval_has_the_width_of_the_jackknife():
    a, b = two_raters(1, 300, 4)
    found = quadratic_kappa(a, b, 4)
    left_out = [np.delete(np.arange(300), i) for i in range(300)]
    values = np.array([quadratic_kappa(a[i], b[i], 4).value for i in left_out])
    error = np.sqrt(299 / 300 * ((values - values.mean()) ** 2).sum())
    assert found.high - found.low == pytest.approx(2 * 1.97 * error, rel=0.03)


def test_the_weighted_kappa_of_several_by_its_formula():
    """Gwet 2014, chapter 3: 1 - observed over expected disagreement, with quadratic weights."""
    rng = np.random.default_rng(2)
    said = np.clip(rng.integers(0, 4, 40)[:, None] + rng.integers(-1, 2, (40, 3)), 0, 3)
    counts = np.stack([(said == k).sum(axis=1) for k in range(4)], axis=1)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    observed = np.mean([(said[:, i] - said[:, j]) ** 2 for i, j in pairs])
    p = np.bincount(said.ravel(), minlength=4) / said.size
    expected = sum(p[k] * p[m] * (k - m) ** 2 for k in range(4) for m in range(4))
    assert quadratic_agreement(counts).value == pytest.approx(1 - observed / expected)
    alone = np.vstack([counts, np.eye(4, dtype=int)])  # one label says nothing of agreement
    assert quadratic_agreement(alone) == quadratic_agreement(counts)


def test_what_cannot_be_told_is_no_number():
    none = np.zeros(0, dtype=int)
    for found in (
        quadratic_kappa(none, none, 3),
        quadratic_kappa(np.ones(5, int), np.ones(5, int), 3),
        quadratic_agreement(np.array([[1, 0], [0, 1]])),
    ):
        assert np.isnan(found.value) and (found.low, found.high) == (-1, 1)
    assert np.isnan(grade_error(none, none, 3).value)


def test_perfect_grades_are_not_taken_to_be_infallible():
    y = np.arange(30) % 3
    kappa, error = quadratic_kappa(y, y, 3), grade_error(y, y, 3)
    assert kappa.value == 1 and 0.7 < kappa.low < 0.99
    assert error.value == 0 and 0 < error.high < 0.4
    patients = np.arange(30) // 6
    assert quadratic_kappa(y, y, 3, patients).low < kappa.low


def test_the_mean_error_is_in_grades():
    a, b = two_raters(3, 400, 5)
    found = grade_error(a, b, 5)
    differ = np.abs(a - b)
    assert found.value == pytest.approx(differ.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * differ.std() / 20, rel=0.05)


def test_at_least_a_grade_finds_what_is_said_too_often():
    rng = np.random.default_rng(4)
    p = rng.dirichlet([2, 2, 2], 2000)
    y = (rng.random((2000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    fair = at_least(y, p, np.arange(2000))
    assert [level.grade for level in fair] == [1, 2]
    assert all(level.error.low == 0 for level in fair)
    assert all(level.observed.low < level.expected < level.observed.high for level in fair)
    sure = at_least(y, p**3 / (p**3).sum(axis=1, keepdims=True), np.arange(2000))
    assert all(level.error.low > 0.03 for level in sure)


def population(rng, patients, images, grades, quality):
    """Return true and given grades (patients, images): patients differ in both."""
    spread = 0.8 if images > 1 else 0.0
    cuts = np.quantile(
        rng.normal(0, np.sqrt(1 + spread**2), 100_000),
        np.linspace(0, 1, grades + 1)[1:-1] ** 0.7,
    )
    true = rng.normal(0, spread, (patients, 1)) + rng.normal(0, 1, (patients, images))
    shift = rng.normal(0, 0.5 * spread, (patients, 1))
    given = true + shift + rng.normal(0, quality, (patients, images))
    return np.searchsorted(cuts, true), np.searchsorted(cuts, given)


@pytest.mark.exhaustive
@pytest.mark.parametrize("patients, images", [(20, 1), (60, 1), (200, 1), (10, 6), (40, 5)])
@pytest.mark.parametrize("grades, quality", [(3, 0.15), (3, 1.5), (5, 0.5)])
def test_intervals_of_grades_cover(patients, images, grades, quality):
    from tests.evaluation.simulation import SEEDS

    trials = 1500
    held = np.zeros(2)
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        y, given = population(rng, 40_000, images, grades, quality)
        kappa = quadratic_kappa(y.ravel(), given.ravel(), grades).value
        error = np.abs(y - given).mean()
        groups = np.repeat(np.arange(patients), images) if images > 1 else None
        for _ in range(trials // len(SEEDS)):
            rows = rng.integers(0, len(y), patients)
            a, b = y[rows].ravel(), given[rows].ravel()
            one = quadratic_kappa(a, b, grades, groups)
            other = grade_error(a, b, grades, groups)
            held += one.low <= kappa <= one.high, other.low <= error <= other.high
    rates = held / trials
    slack = 2 * np.sqrt(0.92 * 0.08 / trials)
    assert (rates >= 0.92 - slack).all() and (rates <= 0.98 + slack).all(), rates
