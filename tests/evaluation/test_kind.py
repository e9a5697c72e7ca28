"""Pictures of another kind are told by light, colour, sharpness and the network's stages."""

import json

import numpy as np
import pytest

from fewshot_lab.backbones import Parts, picture_statistics
from fewshot_lab.evaluation import Decision, Settings, act, fit_kind
from fewshot_lab.evaluation import PoolProbabilities as Pool
from fewshot_lab.evaluation.referral import (
    ANOTHER_KIND,
    CLOSE,
    NOT_ASSURED,
    UNLIKE,
    referral_sentence,
)
from fewshot_lab.stats import Evidence

PARTS = Parts((("final", 4), ("stage 2", 6), ("stage 3 a", 5), ("stage 3 b", 5)))


def radiograph(rng, size=64):
    """Return a grey, smooth picture, bright in the middle."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    spot = np.exp(-((x - rng.normal(0, 0.1)) ** 2 + y**2) / rng.uniform(0.3, 0.5))
    grey = 255 * spot + rng.normal(0, 4, (size, size))
    return np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def slide(rng, size=64):
    """Return a pink picture full of fine purple dots."""
    dots = rng.random((size, size, 1)) < rng.uniform(0.2, 0.4)
    colour = np.where(dots, (90, 50, 140), (235, 180, 210)) + rng.normal(0, 8, (size, size, 3))
    return np.clip(colour, 0, 255).astype(np.uint8)


def taken(draw, n, seed):
    rng = np.random.default_rng(seed)
    return np.stack([picture_statistics(draw(rng)) for _ in range(n)])


@pytest.mark.parametrize(("home", "away"), [(radiograph, slide), (slide, radiograph)])
def test_a_slide_is_flagged_among_radiographs_and_the_other_way_round(home, away):
    pool, held_out, foreign = taken(home, 120, 0), taken(home, 400, 1), taken(away, 50, 2)
    X = np.zeros((120, 4), np.float16)
    y = np.r_[np.repeat([0, 1], 20), np.full(80, -1)]
    kind = fit_kind(X, pool, Parts.final(4), y, share=0.03).distance
    own = kind.score(np.zeros((400, 4)), held_out) > kind.cutoff
    assert own.mean() <= 0.08
    assert (kind.score(np.zeros((50, 4)), foreign) > kind.cutoff).all()


def embedded(n, rng, shift=0.0):
    return (rng.normal(0, 1, (n, 20)) @ MIX + shift).astype(np.float16)


MIX = np.random.default_rng(7).normal(0, 1, (20, 20))


def test_the_wanted_share_of_the_pools_own_kind_is_flagged():
    """On images that it was not learnt from: over 60 pools as much as was asked for."""
    rates = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pool = embedded(200, rng)
        y = np.r_[np.repeat([0, 1], 25), np.full(150, -1)]
        kind = fit_kind(pool, None, PARTS, y, share=0.05).distance
        rates.append((kind.score(embedded(500, rng)) > kind.cutoff).mean())
    assert 0.03 < np.mean(rates) < 0.06


def test_patients_are_not_torn_apart_when_the_cutoff_is_sought():
    """Images of a patient are alike: held out with the patient they lie farther from the rest."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(12), 15)
    centres = rng.normal(0, 3, (12, 20))
    pool = (centres[patients] + rng.normal(0, 0.3, (180, 20))).astype(np.float16)
    y = np.full(180, -1)
    apart = fit_kind(pool, None, PARTS, y, groups=patients, share=0.05).distance
    torn = fit_kind(pool, None, PARTS, y, share=0.05).distance
    new = (rng.normal(0, 3, (300, 20)) + rng.normal(0, 0.3, (300, 20))).astype(np.float16)
    assert (apart.score(new) > apart.cutoff).mean() < (torn.score(new) > torn.cutoff).mean()


def test_stages_of_both_halves_are_one_level_and_the_end_of_the_network_is_none():
    pool = embedded(60, np.random.default_rng(0))
    fitted = fit_kind(pool, np.ones((60, 3)), PARTS, np.full(60, -1), share=0.1)
    levels = {level.name: level.columns for level in fitted.distance.levels}
    assert levels == {"picture statistics": None, "stage 2": (4, 10), "stage 3": (10, 20)}


def test_without_statistics_stages_or_images_there_is_no_kind():
    X, y = np.zeros((60, 4), np.float16), np.full(60, -1)
    assert fit_kind(X, None, Parts.final(4), y, share=0.1) is None
    assert fit_kind(X[:10], np.zeros((10, 3)), Parts.final(4), y[:10], share=0.1) is None
    one = np.zeros(60, np.int64)
    assert fit_kind(X, np.zeros((60, 3)), Parts.final(4), y, groups=one, share=0.1) is None


def test_statistics_tell_grey_from_colour_and_sharp_from_blurred():
    rng = np.random.default_rng(0)
    sharp = slide(rng, 96)
    blurred = sharp.copy()
    for axis in (0, 1):
        blurred = sum(np.roll(blurred.astype(float), k, axis) for k in range(-2, 3)) / 5
    grey = np.repeat(sharp.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    a, b, c = (picture_statistics(each.astype(np.uint8)) for each in (sharp, blurred, grey))
    assert a.shape == (46,) and a.dtype == np.float16 and np.isfinite(a).all()
    fine = slice(18, 20)  # differences of neighbours, across
    assert (b[fine] < a[fine] - 0.5).all()
    assert np.allclose(c[5:15], 0, atol=1e-3) and not np.allclose(a[5:15], 0, atol=1e-2)
    assert np.isfinite(picture_statistics(np.zeros((8, 8, 3), np.uint8))).all()
    assert np.allclose(
        picture_statistics(np.full((600, 600, 3), 128, np.uint8))[:5], 128 / 255, atol=1e-3
    )


def test_every_referral_has_its_own_reason(tmp_path):
    rng = np.random.default_rng(0)
    pool = embedded(100, rng)
    kind = fit_kind(pool, None, PARTS, np.full(100, -1), share=0.02).distance
    rule = Decision(np.array([0.8, 2.0, 0.8]), None, None, None, kind, 0.05, 41)
    p = np.array([[0.9, 0.05, 0.05], [0.5, 0.1, 0.4], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]])
    X = np.concatenate([np.repeat(pool[:1], 3, axis=0), embedded(1, rng, shift=60)])
    verdicts = rule.apply(p, X)
    assert verdicts.reasons == ["", CLOSE, NOT_ASSURED, ANOTHER_KIND]
    assert verdicts.decided.tolist() == [True, False, False, False]
    names = ["mono", "lympho", "blast"]
    said = [rule.sentence(r, row, names) for r, row in zip(verdicts.reasons, p, strict=True)]
    assert said[0] == ""
    assert said[1] == "Too close between mono (50 %) and blast (40 %); it is decided from 80 % on."
    assert said[2] == (
        "No threshold can assure an error of 5 % yet: label at least 41 more for the audit."
    )
    assert said[3].startswith("Unlike anything labelled: another kind of picture")
    assert "never named" in referral_sentence(UNLIKE, {})
    for name, data in rule.files().items():
        (tmp_path / name).write_bytes(data)
    again = Decision.load(tmp_path)
    assert again.apply(p, X).reasons == verdicts.reasons
    assert again.sentence(NOT_ASSURED, p[2], names) == said[2]
    assert again.files() == rule.files()


@pytest.mark.parametrize(
    ("source", "n", "wrong", "missing"),
    [
        ("out-of-fold", 30, 30, 86),  # no audit image yet
        ("audit", 60, 60, 26),
        ("audit", 200, 200, None),  # enough of them: their number is not what is missing
        ("audit", 200, 0, None),  # decided
    ],
)
def test_how_many_audit_images_are_missing(source, n, wrong, missing):
    p = np.tile([[0.9, 0.1]], (n, 1))
    y = np.r_[np.ones(wrong), np.zeros(n - wrong)].astype(np.int64)
    evidence = Evidence(p, y, np.arange(n), source, np.zeros(n, dtype=bool))
    pool = Pool(p, None, np.zeros(n, dtype=bool))
    found = act(evidence, pool, None, Settings(target_error=0.05))
    assert found.decision.more_audit == missing
    assert found.referred == ({NOT_ASSURED: n} if wrong else {})


def test_a_rule_of_an_earlier_version_still_says_why(tmp_path):
    """Its decision.json knows neither the kind of picture nor the error wanted."""
    pool = embedded(100, np.random.default_rng(0))
    kind = fit_kind(pool, None, PARTS, np.full(100, -1), share=0.02).distance
    rule = Decision(np.array([2.0, 0.8]), None, None, None, kind, 0.05, 41)
    values = json.loads(rule.files()["decision.json"])
    for key in ("kind", "target_error", "more_audit"):
        del values[key]
    (tmp_path / "decision.json").write_text(json.dumps(values))
    old = Decision.load(tmp_path)
    p = np.array([[0.9, 0.1], [0.3, 0.7]])
    verdicts = old.apply(p, pool[:2])
    assert verdicts.reasons == [NOT_ASSURED, CLOSE] and not verdicts.unlike.any()
    assert old.sentence(NOT_ASSURED, p[0], ["a", "b"]).startswith("No threshold can assure the")


def test_of_a_large_pool_what_trains_is_kept_and_every_class_has_its_mean():
    rng = np.random.default_rng(0)
    y = np.full(6_000, -1)
    y[rng.permutation(6_000)[:60]] = np.repeat([0, 1, 2], 20)
    fitted = fit_kind(embedded(6_000, rng), None, PARTS, y, share=0.05)
    assert len(fitted.rows) == len(fitted.held_out) == 1_500
    assert set(np.flatnonzero(y >= 0)) <= set(fitted.rows)
    assert all(len(level.centres) == 3 for level in fitted.distance.levels)
