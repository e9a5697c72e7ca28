"""Where cross-validation claims more than images drawn at random bear out."""

import numpy as np
import pytest

from fewshot_lab.evaluation.disagreement import recall_gap
from fewshot_lab.stats import wilson

from .simulation import SEEDS, check


def test_only_classes_that_both_tested_count():
    cv = {1: wilson(9, 10), 2: wilson(8, 10), 3: wilson(0, 0)}
    audit = {1: wilson(12, 20), 2: wilson(10, 20), 4: wilson(1, 5)}
    gap = recall_gap(cv, audit)
    assert gap.cross_validated == pytest.approx(0.85)
    assert gap.audited == pytest.approx(0.55)
    assert gap.difference.value == pytest.approx(0.3)
    assert gap.difference.n == 40
    assert recall_gap({1: wilson(9, 10)}, {2: wilson(9, 10)}) is None


def test_for_one_class_it_is_newcombes_interval():
    """Newcombe 1998, Statistics in Medicine 17, table II (a), method 10: 56/70 less 48/80."""
    gap = recall_gap({1: wilson(56, 70)}, {1: wilson(48, 80)}).difference
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("labels", "drawn"), [(10, 5), (25, 15), (100, 60)])
def test_the_interval_holds(labels, drawn):
    held = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        for _ in range(667):
            classes = int(rng.integers(2, 9))
            mine, theirs = rng.uniform(0.5, 0.98, (2, classes))
            cv = {c: wilson(rng.binomial(labels, p), labels) for c, p in enumerate(mine)}
            audit = {c: wilson(rng.binomial(drawn, p), drawn) for c, p in enumerate(theirs)}
            gap, truth = recall_gap(cv, audit).difference, mine.mean() - theirs.mean()
            held.append(gap.low <= truth <= gap.high)
    check({"gap": float(np.mean(held))}, len(held))
