"""Planted leaks are caught and named, and never counted."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fewshot_lab.classifiers import fit
from fewshot_lab.evaluation import check_folds, check_sides, cross_validation

IDS = [f"i{k}" for k in range(6)]
GROUPS = np.array(["p1", "p1", "p2", "p2", "image:i4", "image:i5"], dtype=object)


def test_a_sound_split_says_so():
    folds = np.array([[0, 0, 1, 1, 0, 1]])
    check, leaking = check_folds(GROUPS, folds, IDS, noun="patient")
    assert check.sound
    assert not leaking.any()
    assert check.sentence == "2 patients; none on both sides."


def test_a_patient_on_both_sides_is_named_with_its_images():
    folds = np.array([[0, 1, 1, 1, 0, 1], [0, 0, 1, 1, 0, 1]])
    check, leaking = check_folds(GROUPS, folds, IDS, noun="patient")
    assert not check.sound
    assert leaking.tolist() == [True, True, False, False, False, False]
    [leak] = check.leaks
    assert leak.group == "p1"
    assert leak.tested == leak.trained == ("i0", "i1")  # each trained while the other was tested
    assert check.named().startswith("p1: ")
    assert check.sentence == (
        "1 patient on both sides (2 tested, 2 trained on): 2 images left out of the figures."
    )
    assert "p1" not in check.sentence  # the card tells no patient's id


def test_an_image_that_always_trains_leaks_into_those_of_its_group():
    folds = np.array([[-1, 0, 1, 1, 0, 1]])
    check, leaking = check_folds(GROUPS, folds, IDS)
    assert leaking.tolist() == [False, True, False, False, False, False]
    assert check.leaks[0].trained == ("i0",)


def test_two_sides():
    trained = np.array([True, False, True, False, True, False])
    check, leaking = check_sides(GROUPS, trained, ~trained, IDS)
    assert {leak.group for leak in check.leaks} == {"p1", "p2"}
    assert leaking.tolist() == [False, True, False, True, False, False]
    alone = np.array([True, True, False, False, True, False])
    assert check_sides(GROUPS, alone, ~alone, IDS)[0].sound


def test_a_twin_of_another_patient_is_left_out():
    trained = np.array([True, True, False, False, True, False])
    check, leaking = check_sides(
        GROUPS, trained, ~trained, IDS, noun="patient", pairs=np.array([[1, 2]])
    )
    assert leaking.tolist() == [False, False, True, False, False, False]
    assert (check.apart, check.twins) == (1, 1)
    assert "1 look-alike pair of different patients; 1 image whose twin" in check.sentence


@st.composite
def checked_folds(draw):
    """Images in groups, near-duplicates and alone; their folds; pairs of different groups."""
    n = draw(st.integers(1, 7))
    names = st.sampled_from(["p1", "p2", "near:a", "near:b", None])
    groups = [draw(names) or f"image:i{k}" for k in range(n)]
    fold = st.lists(st.integers(-2, 2), min_size=n, max_size=n)
    folds = draw(st.lists(fold, min_size=1, max_size=3))
    torn = [(a, b) for a in range(n) for b in range(n) if groups[a] != groups[b]]
    pairs = draw(st.lists(st.sampled_from(torn), unique_by=frozenset, max_size=3)) if torn else []
    return groups, folds, pairs


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(checked_folds())
def test_the_check_agrees_with_looking_at_every_pair_of_images(drawn):
    groups, folds, pairs = drawn
    images = range(len(groups))

    def trained_with(one, other):
        return any(fold[one] >= 0 and fold[other] not in (-2, fold[one]) for fold in folds)

    def left_out(pairs):
        return {a for one in pairs for a, b in (one, one[::-1]) if trained_with(a, b)}

    mates = [(a, b) for a in images for b in images if a < b and groups[a] == groups[b]]
    leaking, twins = left_out(mates), left_out(pairs)
    taking_part = [groups[i] for i in images if any(fold[i] > -2 for fold in folds)]
    names = np.array(groups, dtype=object)
    array = np.array(pairs, np.int64).reshape(-1, 2)
    ids = [f"i{i}" for i in images]
    check, out = check_folds(names, np.array(folds), ids, pairs=array)
    assert set(np.flatnonzero(out)) == leaking | twins
    assert (check.excluded, check.twins) == (len(leaking), len(twins - leaking))
    assert check.groups == len({name for name in taking_part if name.startswith("p")})
    assert check.joined == sum(taking_part.count(name) > 1 for name in ("near:a", "near:b"))
    assert check.apart == sum(any(fold[a] > -2 < fold[b] for fold in folds) for a, b in pairs)
    assert {leak.group: (set(leak.tested), set(leak.trained)) for leak in check.leaks} == {
        name: (
            {ids[i] for i in leaking if groups[i] == name},
            {
                ids[b]
                for m in mates
                for a, b in (m, m[::-1])
                if groups[a] == name and trained_with(a, b)
            },
        )
        for name in {groups[i] for i in leaking}
    }
    alone, out = check_folds(None, np.array(folds), ids, pairs=array)
    assert set(np.flatnonzero(out)) == twins
    assert (alone.groups, alone.apart, alone.twins) == (0, check.apart, len(twins))


def test_without_groups_it_says_what_that_means():
    check, _ = check_folds(None, np.zeros((1, 6), int), IDS)
    assert check.sound
    assert "images of one patient may be on both sides" in check.sentence
    assert "none of these images are near-duplicates" in check.sentence


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    y = np.repeat([3, 7], 20)
    return fit(rng.normal(size=(40, 8)) + y[:, None], y, name="lda")


def test_a_leak_planted_in_a_fit_is_left_out_of_its_figures(fitted):
    """Fitted without groups, then told that images of both folds are of one patient."""
    ids = [f"i{k}" for k in range(40)]
    groups = np.array([f"image:{i}" for i in ids], dtype=object)
    groups[[0, 1, 2, 3]] = "anna"
    found = cross_validation(fitted, ids, groups, noun="patient")
    plain = cross_validation(fitted, ids)
    assert plain.n == 40
    assert found.n == 36
    assert [leak.group for leak in found.leaks.leaks] == ["anna"]
    assert set(found.leaks.leaks[0].tested) == {"i0", "i1", "i2", "i3"}
    assert found.recall[3].n == 16
    assert np.isnan(found.out_of_fold[:4]).all()
