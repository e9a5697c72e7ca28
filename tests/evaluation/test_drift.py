"""A stream of images is no longer like the pool: found when it is so, and seldom when it is not."""

import json

import numpy as np
import pytest
from scipy.special import gammaln

from fewshot_lab.evaluation.drift import (
    PoolReference,
    StreamCounts,
    _log_evidence,
    design_effect,
    judge_stream,
)

NAMES = ["blast", "lymphocyte", "monocyte"]


def images(rng, n, shares=(0.2, 0.5, 0.3), sure=4.0, unlike=0.01, patients=0):
    """Return probabilities, unlike and groups; images of one patient are mostly of one class."""
    if patients:
        group = rng.integers(0, patients, n)
        own = rng.dirichlet(4 * np.array(shares), patients)
        y = np.array([rng.choice(3, p=own[g]) for g in group])
    else:
        group, y = np.arange(n), rng.choice(3, n, p=shares)
    logits = rng.normal(size=(n, 3)) + sure * np.eye(3)[y]
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), rng.random(n) < unlike, group


def stream(reference, batches):
    return [reference.count(p, unlike) for p, unlike, _ in batches]


def test_other_shares_are_found_and_told():
    rng = np.random.default_rng(1)
    reference = PoolReference.of(*images(rng, 800))
    looks = stream(reference, [images(rng, 60, (0.55, 0.25, 0.2)) for _ in range(4)])
    drift = judge_stream(reference, looks, NAMES)
    assert drift.changed == ("predicted",)
    assert "are most likely blast" in drift.sentence
    assert drift.n == 240
    assert drift.sentence.startswith("240 images in 4 looks: no longer like the pool")


@pytest.mark.parametrize(
    ("monitor", "change"), [("confidence", {"sure": 2.0}), ("unlike", {"unlike": 0.15})]
)
def test_doubt_and_unlike_images_are_found(monitor, change):
    rng = np.random.default_rng(2)
    reference = PoolReference.of(*images(rng, 800))
    looks = stream(reference, [images(rng, 80, **change) for _ in range(5)])
    assert monitor in judge_stream(reference, looks, NAMES).changed


def test_an_alarm_once_raised_stays():
    rng = np.random.default_rng(3)
    reference = PoolReference.of(*images(rng, 800))
    strange = [images(rng, 200, (0.8, 0.1, 0.1))]
    usual = [images(rng, 200) for _ in range(40)]
    assert judge_stream(reference, stream(reference, strange + usual), NAMES).changed
    assert "no sign" in judge_stream(reference, stream(reference, usual[:1]), NAMES).sentence


def test_the_evidence_is_that_of_two_dirichlet_priors():
    counts, home = np.array([7.0, 2.0, 1.0]), np.array([10.0, 30.0, 20.0])

    def chance(prior):
        return (
            gammaln(prior.sum())
            - gammaln(prior.sum() + counts.sum())
            + (gammaln(prior + counts) - gammaln(prior)).sum()
        )

    prior = np.full(3, 0.5)
    expected = chance(prior) - chance(prior + home)
    assert _log_evidence(counts, home) == pytest.approx(expected)


def test_patients_make_counts_vary_more():
    rng = np.random.default_rng(4)
    alone = rng.integers(0, 3, 600)
    assert design_effect(alone, np.arange(600)) == 1
    assert design_effect(alone, np.repeat(np.arange(60), 10)) == pytest.approx(1, abs=0.35)
    one_kind_each = np.repeat(rng.integers(0, 3, 60), 10)
    assert design_effect(one_kind_each, np.repeat(np.arange(60), 10)) == pytest.approx(10, abs=0.4)


def test_it_survives_being_kept_as_json():
    reference = PoolReference.of(*images(np.random.default_rng(5), 100))
    again = PoolReference.of_dict(json.loads(json.dumps(reference.to_dict())))
    assert again.to_dict() == reference.to_dict()
    turned = reference.reordered([2, 0, 1]).counts.predicted
    np.testing.assert_array_equal(turned, reference.counts.predicted[[2, 0, 1]])
    counts = StreamCounts.of_dict(reference.counts.to_dict())
    assert (counts + counts).n == 200


@pytest.mark.exhaustive
@pytest.mark.parametrize("patients", [0, 40])
@pytest.mark.parametrize("pool", [150, 2000])
def test_however_often_one_looks_false_alarms_are_rare(pool, patients):
    """Forty looks at a stream that is like the pool: at most 5 % ever raise an alarm."""
    rng = np.random.default_rng([6, pool, patients])
    alarms = 0
    for _ in range(300):
        reference = PoolReference.of(*images(rng, pool, patients=patients))
        looks = stream(reference, [images(rng, 25, patients=patients and 3) for _ in range(40)])
        alarms += bool(judge_stream(reference, looks, NAMES).changed)
    assert alarms / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300), alarms
