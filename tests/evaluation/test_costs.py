"""Errors of different cost: the least expected cost decides; equal costs change nothing."""

import numpy as np
import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    Decision,
    PoolProbabilities,
    Settings,
    act,
    by_cost,
    check_costs,
    choose,
)
from fewshot_lab.evaluation.selective_classification import NEVER, find_threshold
from fewshot_lab.stats import Evidence

BLAST, NORMAL = 0, 1
COSTS = np.array([[0, 20.0, 1], [1, 0, 1], [1, 1, 0]])


def evidence(n: int, seed: int = 0, spread: float = 0.4) -> Evidence:
    """Return a calibrated classifier's answers for n images of three classes."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([spread] * 3, n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return Evidence(p, y, np.arange(n), "audit", np.zeros(n, dtype=bool))


def pool(n: int) -> PoolProbabilities:
    rng = np.random.default_rng(9)
    p = rng.dirichlet([0.4, 0.4, 0.4], n)
    return PoolProbabilities(p, np.arange(n), np.zeros(n, dtype=bool))


def test_a_small_chance_of_a_costly_error_decides():
    p = np.array([[0.06, 0.94, 0.0], [0.04, 0.96, 0.0], [0.06, 0.0, 0.94]])
    assert choose(p, COSTS).tolist() == [BLAST, NORMAL, 2]
    assert choose(p).tolist() == [NORMAL, NORMAL, 2]


def test_equal_costs_change_nothing_bit_by_bit():
    seen, images = evidence(300), pool(500)
    for per_class in (False, True):
        settings = Settings(per_class=per_class)
        before = act(seen, images, None, settings)
        equal = act(seen, images, None, settings, costs=1.0 - np.eye(3))
        assert before.decision.files()["decision.json"] != b""
        without = act(seen, images, None, settings, costs=None)
        assert without.decision.files() == before.decision.files()
        assert repr(without.threshold) == repr(before.threshold)
        # A matrix of equal costs, were one given, decides the same up to rounding.
        assert equal.threshold.error.n == before.threshold.error.n
        assert np.array_equal(
            choose(images.probabilities, 1.0 - np.eye(3)), choose(images.probabilities)
        )
    assert by_cost(seen, None) is seen


def test_costs_make_the_costly_error_rare_and_refer_more():
    seen, images = evidence(4000), pool(4000)
    plain = act(seen, images, None, Settings(target_error=0.2))
    costed = act(seen, images, None, Settings(target_error=0.2), costs=COSTS)
    missed = [
        ((each.predicted == NORMAL) & (each.y == BLAST)).mean()
        for each in (seen, by_cost(seen, COSTS))
    ]
    assert missed[1] < missed[0] / 5
    assert costed.threshold.coverage.value < plain.threshold.coverage.value
    assert costed.threshold.least > plain.threshold.least


def test_the_bundles_rule_keeps_the_costs_when_columns_are_reordered(tmp_path):
    rule = Decision(np.full(3, 0.5), "lac", np.full(3, 0.9), None, costs=COSTS)
    for name, data in rule.reordered([2, 0, 1]).files().items():
        (tmp_path / name).write_bytes(data)
    read = Decision.load(tmp_path)
    p = pool(200).probabilities
    ours, theirs = rule.apply(p), read.apply(p[:, [2, 0, 1]])
    assert np.array_equal(ours.decided, theirs.decided)
    assert np.array_equal(ours.sets[:, [2, 0, 1]], theirs.sets)
    # What is decided is always in the set.
    assert ours.sets[np.arange(200), choose(p, COSTS)].all()


@pytest.mark.parametrize(
    "costs, sentence",
    [
        (np.ones((2, 3)), "a table of 2 x 3, and there are 3 classes"),
        (np.ones((3, 3)), "A right answer costs 0"),
        (1.0 - np.eye(3) * 1 - 2 * np.eye(3, k=1), "every error a number above 0"),
    ],
)
def test_what_is_no_matrix_of_costs_is_refused(costs, sentence):
    with pytest.raises(FewshotLabError, match=sentence):
        check_costs(costs, 3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("n", [200, 1000])
def test_an_assured_error_counted_by_cost_is_kept(n):
    """The mean cost among decided images exceeds the target in at most 5 % of audit sets."""
    target, costs = 0.2, np.where(COSTS == 20, 4.0, COSTS)
    truth = by_cost(evidence(400_000, 101, 0.15), costs)
    order = np.argsort(-truth.confidence)
    cost = costs[truth.y[order], truth.predicted[order]]
    mean = cost.cumsum() / np.arange(1, len(cost) + 1)
    falling = truth.confidence[order]
    decided = broken = 0
    for seed in range(1000):
        seen = by_cost(evidence(n, 10_000 + seed, 0.15), costs)
        found = find_threshold(seen, target, np.empty(0))
        if found.rule == "assured" and found.value < NEVER:
            decided += 1
            m = int(np.searchsorted(-falling, -found.value, side="right"))
            broken += bool(m and mean[m - 1] > target)
    assert decided > 100 and broken <= 50
