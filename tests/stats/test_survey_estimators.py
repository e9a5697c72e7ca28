"""Shares of a pool from a sample, against the textbook's formulas written out image by image."""

import math

import numpy as np
import pytest
from scipy import stats

from fewshot_lab.stats import Sample, mean_rate, paired_gain, share, wilson


def test_a_plain_sample_gives_wilsons_interval():
    hit = np.array([True, True, False, True])
    found = share(hit, np.ones(4, dtype=bool), Sample.of(np.full(4, 7.0)))
    expected = wilson(3, 4)
    assert (found.value, found.low, found.high, found.n) == (
        expected.value,
        expected.low,
        expected.high,
        4,
    )


def test_weights_make_hajeks_ratio_at_kishs_number_of_images():
    weight = np.array([1.0, 1.0, 4.0, 2.0])
    hit = np.array([True, False, True, False])
    found = share(hit, np.ones(4, dtype=bool), Sample.of(weight))
    assert found.value == pytest.approx(5 / 8)
    assert found.n == 4
    kish = weight.sum() ** 2 / (weight**2).sum()
    # Linearised: sum of (w (y - p) / W)^2, times m / (m - 1); never worth more than Kish's number.
    z = weight * (hit - 5 / 8) / 8
    variance = 4 / 3 * (z**2).sum() - 4 / 3 * z.sum() ** 2 / 4
    n = 5 / 8 * 3 / 8 / variance
    n = min(max(n * (1.959963984540054 / stats.t.ppf(0.975, 3)), kish), kish)
    expected = wilson(5 / 8 * n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("unseen", [False, True])
def test_a_stratified_share_has_the_variance_of_the_strata(unseen):
    rng = np.random.default_rng(0)
    stratum = np.repeat([0, 1, 2], [60, 80, 100])
    weight = np.repeat([5.0, 2.0, 9.0], [60, 80, 100])
    hit = rng.random(240) < np.repeat([0.5, 0.7, 0.6], [60, 80, 100])
    sample = Sample.of(weight, strata=stratum)
    found = share(hit, np.ones(240, dtype=bool), sample, unseen=unseen)
    total = weight.sum()
    value = sum(weight[i] * hit[i] for i in range(240)) / total
    variance = 0.0
    for h in range(3):
        z = [weight[i] * (hit[i] - value) / total for i in range(240) if stratum[i] == h]
        mean = sum(z) / len(z)
        variance += len(z) / (len(z) - 1) * sum((each - mean) ** 2 for each in z)
    if unseen:  # a tenth of an image of each stratum may be a miss that was not drawn
        variance += 0.1 * (5.0**2 + 2.0**2 + 9.0**2) * (value / total) ** 2
    n = value * (1 - value) / variance * 1.959963984540054 / stats.t.ppf(0.975, 240 - 3)
    assert found.value == pytest.approx(value)
    expected = wilson(value * n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_where_strata_predict_what_is_counted_one_image_of_each_is_doubted():
    rng = np.random.default_rng(2)
    stratum = np.repeat([0, 1], [20, 30])
    weight = np.repeat([3.0, 8.0], [20, 30])
    hit = rng.random(50) < np.repeat([0.95, 0.1], [20, 30])
    sample = Sample.of(weight, strata=stratum)
    found = share(hit, np.ones(50, dtype=bool), sample, strata_predict=True)
    total = weight.sum()
    value = (weight * hit).sum() / total
    kish = total**2 / (weight**2).sum()
    p = (value * kish + 1) / (kish + 2)
    variance = p * (1 - p) * (3.0**2 + 8.0**2) / total**2
    for h in (0, 1):
        z = weight[stratum == h] * (hit[stratum == h] - value) / total
        variance += ((z - z.mean()) ** 2).sum()
    n = p * (1 - p) / variance * 1.959963984540054 / stats.t.ppf(0.975, 49)
    expected = wilson(value * n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_one_patient_who_is_always_right_is_one_image():
    among = np.repeat([True, False], [4, 6])
    found = share(among, among, Sample.of(np.ones(10), groups=np.repeat([0, 1, 2], [4, 3, 3])))
    expected = wilson(1, 1)
    assert (found.low, found.high, found.n) == (pytest.approx(expected.low), 1, 4)


def test_of_patients_who_are_right_in_all_classes_half_fail_together_if_any_do():
    patient = np.repeat(np.arange(6), 4)
    y = np.tile([0, 0, 1, 1], 6)
    found = mean_rate(y, np.ones(24), Sample.of(np.ones(24), groups=patient))
    p = (12 + 0.5) / (12 + 1)
    each = p * (1 - p) / 2**2
    apart, together = 2 * each / 6, (2 * math.sqrt(each / 6)) ** 2
    # Nothing was seen to vary between six patients: belief counts for four more.
    variance = 4 * (apart + together) / 2 / (5 + 4)
    n = p * (1 - p) / variance
    assert found.low == pytest.approx(wilson(n, n).low)


def test_a_class_is_a_share_of_its_own_images():
    hit = np.array([True, True, False, False, True, False])
    among = np.array([True, True, True, False, False, False])
    found = share(hit, among, Sample.of(np.array([1.0, 2.0, 3.0, 9.0, 9.0, 9.0])))
    assert found.value == pytest.approx(3 / 6)
    assert found.n == 3


@pytest.mark.parametrize("grouped", [False, True])
def test_a_paired_gain_has_nadeau_and_bengios_variance(grouped):
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [30, 50])
    gain = rng.choice([-1.0, 0.0, 0.0, 1.0], size=80)
    groups = np.arange(80) // 2 if grouped else None
    found = paired_gain(y, gain, groups)
    means = [gain[y == k].mean() for k in (0, 1)]
    parts = [
        (gain[i] - means[y[i]]) / (2 * math.sqrt((30, 50)[y[i]] * ((30, 50)[y[i]] - 1)))
        for i in range(80)
    ]
    if grouped:
        units = 40
        variance = sum((parts[2 * k] + parts[2 * k + 1]) ** 2 for k in range(40)) * 40 / 39
    else:
        units = 80
        variance = sum(part**2 for part in parts)
    # One further image that one way alone gets right, shared out among the classes.
    variance += (1 / 30**2 + 1 / 50**2) / 2**3
    half = stats.t.ppf(0.975, units - 2) * math.sqrt(variance * (1 + 5 / 4))
    assert found.value == pytest.approx(sum(means) / 2)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_a_class_in_some_of_the_patients_is_told_by_these_alone():
    patient = np.repeat(np.arange(6), 5)
    among = np.isin(patient, [0, 1, 2])
    hit = among & (np.arange(30) % 5 < np.repeat([5, 3, 1, 0, 0, 0], 5))
    found = share(hit, among, Sample.of(np.ones(30), groups=patient))
    value, smooth = 9 / 15, 10 / 17
    z = np.array([2, 0, -2, 0, 0, 0]) / 15  # each patient's hits less 5 x 9 / 15
    variance = 6 / 5 * (z**2).sum() * (3 / 2 * 5 / 6)
    alike = smooth * (1 - smooth) / 3
    variance = (2 * variance + 4 * max(alike, variance)) / (2 + 4)
    n = min(max(smooth * (1 - smooth) / variance, 3), 15)
    assert 3 < n < 15
    expected = wilson(value * n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
