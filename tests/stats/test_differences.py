"""Differences of shares: published figures, and the formulas written out image by image."""

import math

import numpy as np
import pytest
from scipy import stats

from fewshot_lab.stats import (
    Sample,
    difference,
    interval_difference,
    mean_rate,
    paired_difference,
    paired_gain,
    share,
    wilson,
)
from fewshot_lab.stats.reliability import _shape

Z = stats.norm.ppf(0.975)

# Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
NEWCOMBE = [
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0000)),
]


def looks(hits: int, n: int) -> np.ndarray:
    return np.arange(n) < hits


@pytest.mark.parametrize(("first", "second", "printed"), NEWCOMBE)
def test_two_shares_differ_as_newcombe_printed(first, second, printed):
    found = difference(looks(*first), looks(*second))
    assert (found.low, found.high) == pytest.approx(printed, abs=5e-5)
    assert found.n == first[1] + second[1]
    combined = interval_difference([wilson(*first)], [wilson(*second)])
    assert (combined.low, combined.high) == pytest.approx((found.low, found.high))


def test_a_mean_of_estimates_has_the_mean_of_their_distances():
    first, second = [wilson(8, 10), wilson(30, 40)], [wilson(5, 10), wilson(20, 30)]
    found = interval_difference(first, second)
    down = sum((a.value - a.low) ** 2 for a in first) + sum((b.high - b.value) ** 2 for b in second)
    up = sum((a.high - a.value) ** 2 for a in first) + sum((b.value - b.low) ** 2 for b in second)
    assert found.value == pytest.approx((0.8 + 0.75 - 0.5 - 2 / 3) / 2)
    assert found.low == pytest.approx(found.value - math.sqrt(down) / 2)
    assert found.high == pytest.approx(found.value + math.sqrt(up) / 2)
    assert found.n == 40


def design(parts: list[float], groups: list[int], variance: float) -> float:
    """Return by what groups multiply a variance, their sum of squares drawn to independence."""
    G = len(set(groups))
    between = sum(
        sum(part for part, group in zip(parts, groups, strict=True) if group == g) ** 2
        for g in set(groups)
    )
    prior = 0.5 / len(parts) ** 2
    student = stats.t.ppf(0.975, G - 1) / Z
    return (between * G / (G - 1) + prior) / (variance + prior) * student**2


def test_groups_make_shares_worth_as_much_less_as_their_difference_varies_more():
    rng = np.random.default_rng(0)
    hits = rng.random(24) < np.repeat([0.9, 0.3, 0.8, 0.6], 6), rng.random(20) < 0.5
    groups = np.arange(24) // 6, 3 + np.arange(20) // 4  # one patient is in both sets
    found = difference(*hits, groups=groups)
    p = [h.mean() for h in hits]
    smooth = [(h.sum() + 0.5) / (len(h) + 1) for h in hits]
    variance = sum(q * (1 - q) / len(h) for q, h in zip(smooth, hits, strict=True))
    parts = [(x - p[0]) / 24 for x in hits[0]] + [-(x - p[1]) / 20 for x in hits[1]]
    factor = design(parts, [*groups[0], *groups[1]], variance)
    a, b = (wilson(q * len(h) / factor, len(h) / factor) for q, h in zip(p, hits, strict=True))
    assert found.low == pytest.approx(p[0] - p[1] - math.hypot(a.value - a.low, b.high - b.value))
    assert found.high == pytest.approx(p[0] - p[1] + math.hypot(a.high - a.value, b.value - b.low))


@pytest.mark.parametrize("grouped", [False, True])
def test_two_looks_at_the_same_images_differ_as_agresti_and_min_say(grouped):
    rng = np.random.default_rng(1)
    first, second = rng.random(30) < 0.8, rng.random(30) < 0.6
    groups = np.arange(30) // 3 if grouped else None
    found = paired_difference(first, second, groups)
    b, c = (first & ~second).sum(), (second & ~first).sum()
    middle = (b - c) / 32
    variance = (b + c + 1 - (b - c) ** 2 / 32) / 32**2
    factor = 1.0
    if grouped:
        d = first.astype(int) - second
        factor = design(list((d - d.mean()) / 30), list(groups), variance)
    half = Z * math.sqrt(variance * factor)
    assert found.value == pytest.approx((b - c) / 30)
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half))


def test_no_difference_is_more_than_one():
    none, all_of = np.zeros(3), np.ones(3)
    for apart in (
        difference(all_of, none),
        paired_difference(all_of, none),
        interval_difference([wilson(3, 3)] * 2, [wilson(0, 3)] * 2),
        paired_gain(np.array([0, 0, 1]), all_of),
    ):
        assert (apart.value, apart.high) == (1, 1)
    for apart in (
        difference(none, all_of),
        paired_difference(none, all_of),
        interval_difference([wilson(0, 3)] * 2, [wilson(3, 3)] * 2),
        paired_gain(np.array([0, 0, 1]), -all_of),
    ):
        assert (apart.value, apart.low) == (-1, -1)


def test_of_no_images_nothing_is_known():
    none = np.zeros(0, dtype=np.int64)
    for found in (
        difference(none, np.ones(3)),
        paired_difference(none, none),
        paired_gain(none, none),
    ):
        assert math.isnan(found.value)
        assert (found.low, found.high, found.n) == (-1.0, 1.0, 0)
    for found in (mean_rate(none, none, Sample.of(none)), share(none, none, Sample.of(none))):
        assert math.isnan(found.value)
        assert (found.low, found.high, found.n) == (0.0, 1.0, 0)


def test_that_all_weighted_images_are_right_proves_as_little_as_of_independent_ones():
    y = np.repeat([0, 1, 2], [4, 5, 6])
    weight = np.arange(1.0, 16.0)
    found = mean_rate(y, np.ones(15), Sample.of(weight))
    kish = [weight[y == k].sum() ** 2 / (weight[y == k] ** 2).sum() for k in range(3)]
    smooth = [(n + 0.5) / (n + 1) for n in kish]
    variance = sum(p * (1 - p) / n for p, n in zip(smooth, kish, strict=True)) / 3**2
    middle = sum(smooth) / 3
    worth = middle * (1 - middle) / variance
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(wilson(worth, worth).low)


def test_offsets_of_bins_are_kept_without_noise_and_alike_under_much():
    offset, share = np.array([-0.02, 0.01, 0.03]), np.array([0.2, 0.3, 0.5])
    kept = _shape(offset, np.full(3, 1e-12), share)
    assert kept == pytest.approx(offset, abs=1e-6)
    alike = _shape(offset, share**2, share) / share
    assert alike == pytest.approx(np.full(3, (offset / share).mean()))
