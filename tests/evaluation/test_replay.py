"""Replays: the strategies on the same draws, honest intervals, and the switch by evidence."""

import json

import numpy as np
import pytest

from fewshot_lab.classifiers import Pool
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import ReplayPlan, replay
from fewshot_lab.evaluation.strategy_comparison import reached, verdict
from fewshot_lab.project import set_strategy, strategy_of, take_evidence
from fewshot_lab.sampling import STRATEGIES, suggest_by


def rare(n=420, d=10, seed=0):
    """Two common classes and four rare ones that chance seldom meets."""
    random = np.random.default_rng(seed)
    y = random.choice(6, n, p=[0.5, 0.3, 0.05, 0.05, 0.05, 0.05])
    centres = random.normal(size=(6, d)) * 2.5
    return (centres[y] + random.normal(size=(n, d))).astype(np.float32), y


@pytest.fixture(scope="module")
def found():
    X, y = rare()
    plan = ReplayPlan(("mixed", "cover"), draws=4, budget=60)
    return replay(X, y, plan=plan)


@pytest.mark.slow
def test_a_replay_says_what_labels_would_have_been_saved(found):
    json.dumps(found)
    rows = {row["strategy"]: row for row in found["strategies"]}
    assert set(rows) == {"random", "mixed", "cover"}
    assert found["budget"] <= 60 and found["test_images"] == 140
    assert rows["random"]["than_random"]["value"] == 0
    # Rare classes are what suggestions find sooner than chance does.
    assert rows["mixed"]["than_random"]["value"] > 0.02
    for row in rows.values():
        labels = [point["labels"] for point in row["curve"]]
        assert labels == sorted(labels) and labels[-1] == found["budget"]
        for point in row["curve"]:
            low, high = point["interval"]
            assert low <= point["balanced_accuracy"] <= high
        assert row["than_random"]["low"] <= row["than_random"]["value"]
    assert rows["random"]["cost"][0]["share"]["value"] == 1


def test_overlapping_draws_are_not_taken_for_independent_ones():
    """Where strategies differ by chance alone, few intervals exclude no difference."""
    from fewshot_lab.evaluation.strategy_comparison import _half

    random = np.random.default_rng(0)
    excluded = 0
    for _ in range(400):
        # A difference of this data set (shared by all draws), and one of each draw.
        gap = random.normal(0, 0.02) + random.normal(0, 0.02 * np.sqrt(2), 10)
        excluded += abs(gap.mean()) > _half(gap[:, None])[0]
    assert excluded / 400 < 0.10


def test_labels_to_an_accuracy_are_read_between_the_fits():
    at = np.array([10, 20, 30])
    assert reached(np.array([0.5, 0.7, 0.8]), at, 0.6) == pytest.approx(15)
    assert reached(np.array([0.5, 0.7, 0.8]), at, 0.4) == 10
    assert np.isnan(reached(np.array([0.5, 0.7, 0.8]), at, 0.9))


def test_no_group_is_on_both_sides_and_none_fills_the_suggestions():
    X, y = rare(300)
    groups = np.array([f"p{i % 40}" for i in range(300)], dtype=object)
    told = replay(X, y, groups, ReplayPlan(("mixed",), draws=2, budget=40))
    assert told["leak_check"] == "40 groups; none on both sides."
    pool = Pool(X)
    codes = np.repeat(np.arange(3), 100)
    for name in STRATEGIES:
        chosen = suggest_by(
            name, pool, [str(i) for i in range(300)], labelled=np.full(300, -1),
            eligible=np.ones(300, bool), groups=codes, n=16,
        )  # fmt: skip
        given = np.bincount(codes[[int(s.image_id) for s in chosen]], minlength=3)
        assert given.max() <= 2, name


def test_too_few_labels_and_unknown_strategies_are_refused():
    X, y = rare(50)
    with pytest.raises(FewshotLabError, match="needs 60 labelled images"):
        replay(X, y)
    with pytest.raises(FewshotLabError, match="not a strategy"):
        replay(*rare(), plan=ReplayPlan(("best",)))


class Shelf:
    """A project as far as its settings go."""

    def __init__(self):
        self.settings = {}
        self.store = self
        self.backbone = self
        self.fingerprint = "f1"

    def get(self, key):
        return self.settings.get(key)

    def set(self, key, value):
        self.settings[key] = value


def evidence(value, low, high):
    usual = {"value": 0.0, "low": 0.0, "high": 0.0}
    gain = {"value": 0.03, "low": 0.01, "high": 0.05}
    return {
        "draws": 6,
        "images": 200,
        "strategies": [
            {"strategy": "random", "area": 0.6, "than_random": usual, "than_default": gain},
            {"strategy": "mixed", "area": 0.7, "than_random": gain, "than_default": usual},
            {
                "strategy": "cover",
                "area": 0.7 + value,
                "than_random": gain,
                "than_default": {"value": value, "low": low, "high": high},
            },
        ],
    }


def test_the_app_switches_by_evidence_says_so_and_can_be_overruled():
    project = Shelf()
    assert strategy_of(project)["strategy"] == "mixed"
    take_evidence(project, evidence(0.02, -0.01, 0.05))
    used = strategy_of(project)
    assert used["strategy"] == "mixed" and not used["switched"]
    assert "no other strategy is clearly better" in used["sentence"]
    take_evidence(project, evidence(0.02, 0.005, 0.035))
    used = strategy_of(project)
    assert used["strategy"] == "cover" and used["switched"] and used["setting"] == "auto"
    assert used["sentence"].startswith("Suggestions by coverage alone: 2.0 points better")
    set_strategy(project, "mixed")
    assert strategy_of(project)["sentence"].endswith("as chosen by hand.")
    set_strategy(project, "auto")
    assert strategy_of(project)["strategy"] == "cover"
    project.fingerprint = "f2"  # another backbone: nothing is known of it
    assert strategy_of(project)["strategy"] == "mixed"
    with pytest.raises(FewshotLabError, match="not a strategy"):
        set_strategy(project, "guess")
    assert verdict(evidence(0.02, 0.005, 0.035))["strategy"] == "cover"
