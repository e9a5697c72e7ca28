import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.classifiers import leak_groups, stratified_folds


@st.composite
def labelled(draw):
    n = draw(st.integers(2, 60))
    y = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    _, code = np.unique(groups, return_inverse=True)
    return np.array(y), code.astype(np.int64)


@given(labelled(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_a_group_is_never_on_both_sides(case, seed):
    y, groups = case
    fold = stratified_folds(y, groups, seed=seed)
    for f in range(5):
        held, kept = groups[fold == f], groups[fold != f]
        assert not set(held) & set(kept)


@given(labelled(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_every_class_is_left_in_training(case, seed):
    y, groups = case
    fold = stratified_folds(y, groups, seed=seed)
    for f in range(5):
        assert set(y[fold != f]) == set(y) or not (fold == f).any()


def test_a_class_with_one_label_is_never_held_out():
    y = np.array([0] * 10 + [1])
    fold = stratified_folds(y, np.arange(11))
    assert fold[-1] == -1
    assert (fold[:10] >= 0).all()


@pytest.mark.parametrize("sizes", [(25, 25, 25), (100, 7, 13), (2, 2)])
def test_classes_are_spread_evenly(sizes):
    y = np.repeat(np.arange(len(sizes)), sizes)
    fold = stratified_folds(y, np.arange(len(y)))
    for k, size in enumerate(sizes):
        counts = np.bincount(fold[y == k], minlength=5)
        assert counts.max() - counts.min() <= 1
        assert counts.sum() == size
    total = np.bincount(fold, minlength=5)
    assert total.max() - total.min() <= 1


def test_groups_are_spread_evenly():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    y = rng.integers(0, 4, 300)
    fold = stratified_folds(y, groups)
    counts = np.array([np.bincount(y[fold == f], minlength=4) for f in range(5)])
    assert counts.min() >= 8
    assert counts.max() <= 23


def test_the_same_seed_gives_the_same_folds():
    y = np.arange(50) % 3
    first = stratified_folds(y, np.arange(50), seed=4)
    assert (first == stratified_folds(y, np.arange(50), seed=4)).all()
    assert (first != stratified_folds(y, np.arange(50), seed=5)).any()


def unit(rng, n, d=32):
    Z = rng.normal(size=(n, d)).astype(np.float32)
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def test_near_duplicates_stay_together():
    Z = unit(np.random.default_rng(0), 2500)
    Z[7] = Z[2100] + 0.001
    Z[3] = Z[2400]
    found = leak_groups(Z / np.linalg.norm(Z, axis=1, keepdims=True))
    assert found[7] == found[2100]
    assert found[3] == found[2400]
    assert len(np.unique(found)) == 2498


def test_groups_that_share_a_near_duplicate_are_one():
    Z = unit(np.random.default_rng(0), 6)
    Z[5] = Z[0]
    groups = np.array(["a", "a", "b", "c", "b", "b"], dtype=object)
    found = leak_groups(Z, groups)
    assert found[0] == found[1] == found[2] == found[4] == found[5]
    assert found[3] != found[0]


def test_a_picture_at_the_centre_of_the_pool_is_no_duplicate_of_everything():
    Z = np.zeros((4, 8), dtype=np.float32)
    assert len(np.unique(leak_groups(Z))) == 4
