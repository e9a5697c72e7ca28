import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.stats import Sample, balanced, effective_size, mean_recall, wilson
from fewshot_lab.stats.intervals import widened


def test_wilson_golden():
    # Newcombe 1998, Stat. Med. 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for correct, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        found = wilson(correct, n)
        assert found.low == pytest.approx(low, abs=1e-4)
        assert found.high == pytest.approx(high, abs=1e-4)
        assert found.n == n


def test_few_images_held_out_in_turn_tell_less():
    """As much less as Student's t is wider: here of 17 degrees of freedom."""
    from scipy.stats import norm, t

    plain, found = wilson(12, 20), widened(wilson(12, 20), 17)
    wider = t.ppf(0.975, 17) / norm.ppf(0.975)
    assert found.value == plain.value and found.n == 20
    assert found.value - found.low == pytest.approx(wider * (plain.value - plain.low))
    assert found.high - found.value == pytest.approx(wider * (plain.high - plain.value))
    sure = widened(wilson(3, 3), 0)  # no more images than classes
    assert (sure.low, sure.high) == (0, 1)
    unknown = widened(wilson(0, 0), -2)
    assert np.isnan(unknown.value) and (unknown.low, unknown.high) == (0, 1)


def test_nothing_known_is_said():
    assert np.isnan(wilson(0, 0).value)
    assert (wilson(0, 0).low, wilson(0, 0).high, wilson(0, 0).n) == (0, 1, 0)
    assert np.isnan(balanced(np.zeros(3), np.zeros(3), images=0).value)
    # A class of which no image came is left out.
    seen = balanced(np.array([3.0, 5.0]), np.array([4.0, 9.0]), images=13)
    assert balanced(np.array([3.0, 0.0, 5.0]), np.array([4.0, 0.0, 9.0]), images=13) == seen


@pytest.mark.parametrize("n", [3, 10, 40])
@pytest.mark.parametrize(
    "recalls", [[0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [0.95] * 6, [0.7, 0.4], [1, 1, 1, 0.5]]
)
def test_the_interval_of_balanced_accuracy_covers(recalls, n):
    rng = np.random.default_rng(0)
    truth = np.mean(recalls)
    covered = 0
    for _ in range(600):
        correct = rng.binomial(n, recalls).astype(float)
        found = balanced(correct, np.full(len(recalls), float(n)), images=n)
        covered += found.low <= truth <= found.high
    assert covered / 600 > 0.9


def test_it_covers_with_a_rare_class():
    rng = np.random.default_rng(0)
    recalls, n = np.array([0.9, 0.8, 0.5]), np.array([200.0, 60.0, 6.0])
    covered = 0
    for _ in range(600):
        found = balanced(rng.binomial(n.astype(int), recalls).astype(float), n, images=266)
        covered += found.low <= recalls.mean() <= found.high
    assert covered / 600 > 0.88


def test_groups_widen_the_interval():
    """Patients differ: images of one patient tell less than as many patients."""
    rng = np.random.default_rng(0)
    naive = clustered = 0
    for _ in range(400):
        patients = rng.beta(2, 1, 30)  # each with a recall of its own, 2/3 on average
        hits = rng.binomial(1, np.repeat(patients, 10)).astype(float)
        size = effective_size(hits, np.repeat(np.arange(30), 10))
        assert 30 <= size <= 300
        wide = wilson(hits.mean() * size, size)
        narrow = wilson(hits.sum(), 300)
        clustered += wide.low <= 2 / 3 <= wide.high
        naive += narrow.low <= 2 / 3 <= narrow.high
    assert naive / 400 < 0.85
    assert clustered / 400 > 0.9


def test_images_that_stand_alone_count_in_full():
    assert effective_size(np.array([1.0, 0, 1, 1]), np.arange(4)) == 4
    assert effective_size(np.array([1.0, 0, 1, 1]), np.zeros(4, dtype=int)) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8))
def test_the_interval_holds_the_value(pairs):
    n = np.array([a + b for a, b in pairs], dtype=float)
    correct = np.array([a for a, _ in pairs], dtype=float)
    found = balanced(correct, n, images=int(n.sum()))
    if n.any():
        assert 0 <= found.low <= found.value <= found.high <= 1
        seen = n > 0
        assert found.value == pytest.approx((correct[seen] / n[seen]).mean())


def test_the_audit_counts_unknown_classes_as_wrong():
    y = np.array([1, 1, 2, 2, 9, 9])
    predicted = np.array([1, 1, 2, 1, 1, 2])
    found = mean_recall(y, predicted, Sample.of(np.ones(6)))
    assert found.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert found.n == 6
    grouped = mean_recall(y, predicted, Sample.of(np.ones(6), np.array([0, 0, 1, 1, 2, 2])))
    assert grouped.high - grouped.low > found.high - found.low
