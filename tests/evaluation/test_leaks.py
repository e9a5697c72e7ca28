"""Planted leaks are caught and named, and never counted."""

import numpy as np
import pytest

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
    assert set(leak.tested) == {"i0", "i1"}
    assert "i1" in leak.trained
    assert check.named().startswith("p1: ")
    assert check.sentence == (
        "1 patient on both sides (2 tested, 1 trained on): 2 images left out of the figures."
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
