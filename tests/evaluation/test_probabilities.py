"""Intervals that hold what they say, and rules that keep what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    Decision,
    PoolProbabilities,
    Settings,
    act,
    make_reference,
    nearest,
)
from fewshot_lab.evaluation.decision_policy import Reference
from fewshot_lab.evaluation.decisions import set_scores
from fewshot_lab.evaluation.prediction_sets import prediction_sets
from fewshot_lab.evaluation.selective_classification import (
    NEVER,
    find_threshold,
    largest_sure,
    least_images,
    risk_coverage,
    upper_bound,
)
from fewshot_lab.stats import Evidence
from fewshot_lab.stats.reliability import bins_for, calibration_error, reliability

TRIALS = 2000


def world(n, grouped, rng, *, slope=1.0):
    """Return confidences, whether right, and groups: of 4 images that stand or fall together."""
    G = n // 4
    shift = rng.normal(0, 1, G).repeat(4) if grouped else 0.0
    easy = rng.normal(0, 0.8, G).repeat(4) if grouped else 0.0
    confidence = 1 / (1 + np.exp(-(1.5 + rng.normal(0, 1.2, n) + 0.5 * easy)))
    confidence = np.clip(confidence, 0.501, 0.999)
    true = 1 / (1 + np.exp(-(slope * np.log(confidence / (1 - confidence)) + shift)))
    return confidence, rng.random(n) < true, np.arange(n) // 4 if grouped else np.arange(n)


def evidence(confidence, right, groups, source="audit"):
    p = np.stack([confidence, 1 - confidence], axis=1)
    y = np.where(right, 0, 1)
    return Evidence(p, y, groups, source, np.zeros(len(y), dtype=bool))


class Population:
    """400,000 images, to know the truth by."""

    def __init__(self, grouped, rng, slope):
        self.confidence, right, self.groups = world(400_000, grouped, rng, slope=slope)
        order = np.argsort(-self.confidence)
        self.falling = self.confidence[order]
        self.wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
        self.gaps = np.concatenate([[0], np.cumsum((right - self.confidence)[order[::-1]])])
        self.scores = np.sort(np.where(right, 1 - self.confidence, self.confidence))

    def beyond(self, threshold):
        """Return the true coverage and error at a threshold."""
        m = int(np.searchsorted(-self.falling, -threshold, side="right"))
        return m / len(self.falling), self.wrong[m - 1] if m else 0.0

    def calibration_error(self, edges):
        cut = np.searchsorted(self.falling[::-1], edges)
        return np.abs(np.diff(self.gaps[np.concatenate([[0], cut, [len(self.falling)]])])).sum() / (
            len(self.falling)
        )

    def some(self, rng, n=2000):
        at = 4 * int(rng.integers(0, (len(self.confidence) - n) // 4))
        return self.confidence[at : at + n], self.groups[at : at + n]


@pytest.mark.exhaustive
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_intervals_hold_the_truth(n, grouped):
    """Coverage, error among the decided, calibration error, coverage of the sets.

    Sets with few groups are conservative: they hold every class.
    """
    rng = np.random.default_rng(n + grouped)
    population = Population(grouped, rng, slope=0.8)
    held = {"coverage": [], "error": [], "calibration": [], "sets": []}
    assured = []
    for trial in range(TRIALS):
        confidence, right, groups = world(n, grouped, rng, slope=0.8)
        found = evidence(confidence, right, groups)
        threshold = find_threshold(found, 0.15, *population.some(rng))
        if threshold.value < NEVER:
            coverage, error = population.beyond(threshold.value)
            held["coverage"].append(threshold.coverage.low <= coverage <= threshold.coverage.high)
            held["error"].append(threshold.error.low <= error <= threshold.error.high)
            assured.append(threshold.rule == "assured" and error > 0.15)
        sets = prediction_sets(found, 0.9)
        inside = np.searchsorted(population.scores, sets.limits[0]) / len(population.scores)
        held["sets"].append(sets.coverage.low - 1e-9 <= inside <= sets.coverage.high + 1e-9)
        bins = bins_for(len(np.unique(groups)))
        gap, _ = calibration_error(confidence, right, groups, bins, draws=250, seed=trial)
        edges = [part[0] for part in np.array_split(np.sort(confidence), bins)[1:]]
        held["calibration"].append(gap.low <= population.calibration_error(edges) <= gap.high)
    rates = {name: float(np.mean(values)) for name, values in held.items()}
    assert 0.92 <= rates["coverage"] <= 0.985, rates
    assert 0.92 <= rates["error"] <= 0.985, rates
    assert 0.92 <= rates["calibration"] <= 0.99, rates
    assert rates["sets"] >= 0.92, rates
    if not (grouped and n == 20):
        assert rates["sets"] <= 0.98, rates
    assert np.mean(assured) <= 0.05


def test_the_assured_error_is_kept_however_many_thresholds_were_looked_at():
    """Where the true error equals the target at every threshold, it is rarely called assured."""
    rng = np.random.default_rng(0)
    wrong = rng.random((TRIALS, 300)) < 0.1
    sure = [largest_sure(row.astype(float), 0.1, 0.95, 1.0) > 0 for row in wrong]
    assert 0.005 < np.mean(sure) <= 0.05
    least = least_images(0.05)
    assert largest_sure(np.zeros(least - 1), 0.05, 0.95, 1.0) == 0
    assert largest_sure(np.zeros(least), 0.05, 0.95, 1.0) == least
    assert least == 86  # each of four starts may be wrong once in eighty: .95**86 < .05 / 4


def test_the_bound_is_clopper_and_pearsons():
    from scipy.stats import binomtest

    for wrong, n in ((0, 10), (3, 40), (12, 200), (7, 7)):
        exact = binomtest(wrong, n, alternative="less").proportion_ci(0.95, method="exact").high
        assert upper_bound(np.array(wrong), np.array(n), 0.95) == pytest.approx(exact)


def test_the_error_of_calibrated_probabilities_is_next_to_nothing_where_the_plain_one_is_not():
    rng = np.random.default_rng(0)
    found, plain = [], []
    for _ in range(50):
        gap, usual = calibration_error(*world(100, False, rng), 5)
        found.append(gap.value)
        plain.append(usual)
    assert np.mean(found) < 0.5 * np.mean(plain)
    drawn = reliability(evidence(*world(400, False, rng)))
    assert sum(b.accuracy.n for b in drawn.bins) == 400
    assert len(drawn.bins) == 10 and len({b.accuracy.n for b in drawn.bins}) == 1


def test_a_value_smaller_than_chance_makes_it_is_no_proof_of_none():
    """Right as often as said, to the image, in each of three bins: the interval has a width."""
    confidence = np.repeat([0.7, 0.8, 0.9], 20)
    right = np.concatenate([np.arange(20) < round(20 * c) for c in (0.7, 0.8, 0.9)])
    found, plain = calibration_error(confidence, right, np.arange(60), 3)
    assert plain < 1e-9
    assert found.value == found.low == 0
    assert 0.02 < found.high < 0.15


def test_the_plain_error_is_the_one_everybody_computes():
    from fewshot_lab.stats.metrics import calibration_error as by_width

    rng = np.random.default_rng(1)
    confidence = rng.choice([0.55, 0.65, 0.75, 0.85, 0.95], 500)
    confidence = np.sort(np.repeat([0.55, 0.65, 0.75, 0.85, 0.95], 100))
    right = rng.random(500) < 0.7
    p = np.stack([confidence, 1 - confidence], axis=1)
    _, plain = calibration_error(confidence, right, np.arange(500), 5)
    assert plain == pytest.approx(by_width(np.where(right, 0, 1), p, bins=10))


@given(st.integers(5, 200), st.integers(2, 6), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_sets_grow_with_the_promise_and_always_hold_the_best_guess(n, K, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(K) * 0.5, n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, K - 1)
    found = Evidence(p, y, np.arange(n), "audit", np.zeros(n, dtype=bool))
    for method in ("lac", "aps"):
        before = None
        for promised in (0.5, 0.8, 0.9, 0.99):
            sets = prediction_sets(found, promised, method=method)
            inside = Decision(None, method, sets.limits, None).prediction_sets(p)
            assert inside[np.arange(n), p.argmax(axis=1)].all()
            # On the very images that calibrated it the promise is kept by construction.
            assert inside[np.arange(n), y].mean() >= promised - 1e-9
            assert before is None or (inside >= before).all()
            before = inside


def test_scores_of_sets_by_hand():
    p = np.array([[0.5, 0.2, 0.3]])
    np.testing.assert_allclose(set_scores(p, "lac"), [[0.5, 0.8, 0.7]])
    np.testing.assert_allclose(set_scores(p, "aps"), [[0.5, 1.0, 0.8]])


def test_the_limit_is_the_score_of_the_right_rank_and_few_images_promise_by_naming_all():
    rng = np.random.default_rng(0)
    found = evidence(*world(99, False, rng))
    limit = prediction_sets(found, 0.9).limits[0]
    scores = np.sort(1 - found.probabilities[np.arange(99), found.y])
    assert scores[89] <= limit < scores[90]  # the 90th of 99: ceil(100 * 0.9)
    few = prediction_sets(found.take(np.arange(8)), 0.9)
    assert np.isinf(few.limits).all() and few.size == 2


@pytest.mark.parametrize("per_class", [False, True])
def test_a_classifier_better_than_the_promise_covers_as_often_as_it_is_right(per_class):
    """The most probable class is in every set: 80 % are promised, and 97 % come."""
    rng = np.random.default_rng(0)
    right = np.arange(400) >= 12
    sure = rng.uniform(0.6, 1, 400)
    y = np.arange(400) % 2
    p = np.where(np.where(right, y, 1 - y)[:, None] == [0, 1], sure[:, None], 1 - sure[:, None])
    found = Evidence(p, y, np.arange(400), "audit", np.zeros(400, dtype=bool))
    sets = prediction_sets(found, 0.8, per_class=per_class)
    assert sets.coverage.value == pytest.approx(0.97)
    assert 0.9 < sets.coverage.low < 0.97 < sets.coverage.high
    assert sets.size == pytest.approx(1, abs=0.02)


def test_per_class_each_class_keeps_its_promise():
    rng = np.random.default_rng(0)
    n = 3000
    y = rng.integers(0, 2, n)
    hard = y == 1
    right = rng.random(n) < np.where(hard, 0.6, 0.95)
    p1 = np.where(right == (y == 1), rng.uniform(0.5, 1, n), rng.uniform(0, 0.5, n))
    p = np.stack([1 - p1, p1], axis=1)
    half = np.arange(n) < n // 2
    found = Evidence(p, y, np.arange(n), "audit", np.zeros(n, dtype=bool))
    covered = {}
    for each in (False, True):
        sets = prediction_sets(found.take(half), 0.9, per_class=each)
        inside = Decision(None, "lac", sets.limits, None).prediction_sets(p[~half])
        held = inside[np.arange(n - n // 2), y[~half]]
        covered[each] = [held[y[~half] == k].mean() for k in (0, 1)]
    assert covered[False][1] < 0.85
    # The best guess is always in the set, so an easy class is covered as often as it is right.
    assert 0.94 < covered[True][0] < 0.97 and 0.87 < covered[True][1] < 0.93


def test_one_rule_for_all_or_one_for_each_class():
    rng = np.random.default_rng(0)
    n, K = 1200, 3
    y = rng.integers(0, K, n)
    p = np.full((n, K), 0.05)
    best = np.where(rng.random(n) < np.array([0.98, 0.95, 0.7])[y], y, (y + 1) % K)
    p[np.arange(n), best] = rng.uniform(0.5, 0.9, n)
    p /= p.sum(axis=1, keepdims=True)
    found = Evidence(p, y, np.arange(n), "audit", np.zeros(n, dtype=bool))
    pool = PoolProbabilities(p, None, np.zeros(n, dtype=bool))
    together = act(found, pool, None, Settings(target_error=0.2))
    each = act(found, pool, None, Settings(target_error=0.2, per_class=True))
    assert together.threshold.rule == "assured" and len(set(together.decision.thresholds)) == 1
    assert set(each.by_class) == {0, 1, 2}
    decided = each.decision.apply(p).decided
    assert each.threshold.coverage.value == pytest.approx(decided.mean())
    assert each.threshold.error.n == decided.sum()
    for k in range(K):
        mine = decided & (p.argmax(axis=1) == k)
        assert not mine.any() or (y[mine] != k).mean() <= 0.2


def test_what_was_not_drawn_at_random_assures_nothing():
    rng = np.random.default_rng(0)
    confidence, right, groups = world(500, False, rng)
    pool = np.empty(0)
    sure = find_threshold(evidence(confidence, right, groups), 0.15, pool)
    guess = find_threshold(evidence(confidence, right, groups, "out-of-fold"), 0.15, pool)
    assert sure.rule == "assured" and guess.rule == "estimated"
    assert sure.coverage.value < guess.coverage.value
    nothing = find_threshold(evidence(confidence, np.zeros(500, dtype=bool), groups), 0.05, pool)
    assert nothing.rule == "none" and nothing.value == NEVER and nothing.coverage.value == 0


def test_the_risk_coverage_curve_ends_at_the_error_of_all():
    rng = np.random.default_rng(0)
    found = evidence(*world(300, True, rng))
    curve = risk_coverage(found)
    assert curve.coverage[-1] == 1 and curve.error[-1] == pytest.approx(1 - found.right.mean())
    assert (curve.low <= curve.error).all() and (curve.error <= curve.high).all()
    assert (np.diff(curve.threshold) <= 0).all()


def test_what_is_unlike_everything_labelled_is_flagged_and_referred(tmp_path):
    from fewshot_lab.classifiers import Preparation

    rng = np.random.default_rng(0)
    centres = np.abs(rng.normal(0, 1, (4, 32))) * 3

    def blob(k, n):
        return np.abs(centres[k] + rng.normal(0, 0.4, (n, 32))).astype(np.float32)

    labelled = np.concatenate([blob(k, 10) for k in range(3)])
    pool = np.concatenate([blob(k, 300) for k in range(3)])
    reference = make_reference(Preparation.of(pool), labelled, pool, share=0.02)
    # FAISS and plain numpy, which predict.py has, say the same.
    np.testing.assert_allclose(nearest(reference, pool), reference.similarity(pool), atol=1e-5)
    assert (reference.similarity(pool) < reference.cutoff).mean() == pytest.approx(0.02, abs=0.005)
    assert (reference.similarity(blob(3, 100)) < reference.cutoff).mean() > 0.9
    rule = Decision(np.full(2, 0.5), "lac", np.array([0.4, np.inf]), reference)
    for name, data in rule.files().items():
        (tmp_path / name).write_bytes(data)
    again = Decision.load(tmp_path)
    p = np.tile([[0.9, 0.1]], (len(pool), 1))
    one, two = rule.apply(p, pool), again.apply(p, pool)
    assert np.array_equal(one.decided, two.decided) and np.array_equal(one.sets, two.sets)
    assert np.array_equal(one.decided, ~one.unlike) and one.unlike.any()
    assert rule.files() == again.files()
    assert isinstance(again.reference, Reference)
    assert Decision.load(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"target_error": 5}, "target error"),
        ({"set_coverage": 90}, "coverage"),
        ({"unlike_share": 2}, "unlike"),
        ({"set_method": "x"}, "lac or aps"),
    ],
)
def test_settings_that_make_no_sense_get_a_sentence(wrong, says):
    with pytest.raises(FewshotLabError, match=says):
        Settings(**wrong)
