"""What is suggested, and why."""

import re

import numpy as np
import pytest

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.sampling import suggest_between, suggest_by


def clusters(sizes, *, d=24, spread=0.35, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(len(sizes), d))
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = centres[y] + spread * rng.normal(size=(len(y), d))
    order = rng.permutation(len(y))
    return X[order].astype(np.float32), y[order]


def ask(pool, labelled=None, **more):
    n = len(pool)
    labelled = np.full(n, -1) if labelled is None else labelled
    more.setdefault("eligible", labelled < 0)
    found = suggest_by("mixed", pool, [str(i) for i in range(n)], labelled=labelled, **more)
    return found, [int(s.image_id) for s in found]


def warm(X, y, rows):
    pool = Pool(X)
    fitted = fit(X[rows], y[rows], pool=pool, rows=rows, quick=True)
    labelled = np.full(len(X), -1)
    labelled[rows] = np.searchsorted(fitted.class_ids, y[rows])
    return pool, {
        "labelled": labelled,
        "probabilities": fitted.pool_probabilities(pool),
        "class_ids": fitted.class_ids.tolist(),
        "names": [f"class{c}" for c in fitted.class_ids],
    }


def test_with_no_label_every_cluster_is_shown_early():
    X, y = clusters((300, 100, 60, 40, 30, 20))
    found, rows = ask(Pool(X), n=12)
    assert set(y[rows[:8]]) == set(range(6))
    assert found[0].reason == "densest unlabelled cluster"
    assert y[rows[0]] == 0
    assert {s.strategy for s in found} == {"cover"}
    assert all("%" in s.reason for s in found[1:])


def test_what_is_labelled_is_covered():
    X, y = clusters((200, 200, 50, 50))
    labelled = np.full(len(y), -1)
    labelled[np.flatnonzero(y == 0)[:3]] = 0
    labelled[np.flatnonzero(y == 1)[:3]] = 1
    _, rows = ask(Pool(X), labelled, n=4)
    assert {2, 3} <= set(y[rows])


def test_with_labels_the_doubtful_ones_are_shown_and_say_between_what():
    X, y = clusters((200, 200, 200), spread=1.2)
    rows = np.concatenate([np.flatnonzero(y == k)[:15] for k in range(3)])
    pool, state = warm(X, y, rows)
    found, chosen = ask(pool, n=16, **state)
    p = np.sort(state["probabilities"], axis=1)
    margin = p[:, -1] - p[:, -2]
    assert np.median(margin[chosen]) < np.median(margin)
    assert [s.strategy for s in found] == ["margin"] * 14 + ["cover"] * 2
    first = found[0]
    a, b = first.classes
    assert re.fullmatch(rf"between class{a} \(\d+ %\) and class{b} \(\d+ %\)", first.reason)
    assert len(set(chosen)) == 16


def test_a_class_with_few_labels_is_filled_up():
    X, y = clusters((200, 200, 200), spread=0.6)
    rows = np.concatenate([np.flatnonzero(y == k)[:n] for k, n in enumerate((20, 20, 3))])
    pool, state = warm(X, y, rows)
    found, _ = ask(pool, n=20, **state)
    rare = [s for s in found if s.strategy == "rare"]
    assert len(rare) == 5
    assert rare[0].classes == (2,)
    assert rare[0].reason.startswith("few class2 labels yet: likely class2 ")
    assert (y[[int(s.image_id) for s in rare]] == 2).mean() >= 0.8


@pytest.mark.parametrize("cold", [True, False])
def test_near_duplicates_are_shown_once(cold):
    X, y = clusters((30, 30, 30), spread=1.0)
    rng = np.random.default_rng(0)
    X = np.concatenate([X, *(X + 0.002 * rng.normal(size=X.shape) for _ in range(4))])
    X, y = X.astype(np.float32), np.tile(y, 5)
    original = np.tile(np.arange(90), 5)
    rows = np.concatenate([np.flatnonzero(y == k)[:4] for k in range(3)])
    if cold:
        labelled = np.full(len(y), -1)
        labelled[rows[:2]] = 0
        _, chosen = ask(Pool(X), labelled, n=24)
        known = set(original[rows[:2]])
    else:
        pool, state = warm(X, y, rows)
        _, chosen = ask(pool, n=24, **state)
        known = set(original[rows])
    assert len(set(original[chosen])) == len(chosen) == 24
    assert not set(original[chosen]) & known


@pytest.mark.parametrize("cold", [True, False])
def test_one_group_cannot_fill_the_batch(cold):
    X, y = clusters((100, 100), spread=1.0)
    groups = np.where(np.arange(200) < 150, 0, np.arange(200))
    rows = np.array([int(np.flatnonzero(y == k)[i]) for k in range(2) for i in range(4)])
    pool, state = (Pool(X), {}) if cold else warm(X, y, rows)
    _, chosen = ask(pool, n=24, groups=groups, **state)
    assert (groups[chosen] == 0).sum() <= 3
    assert len(chosen) == 24


def test_images_without_a_group_are_not_one_group():
    X, _ = clusters((50, 50), spread=1.0)
    _, chosen = ask(Pool(X), n=24, groups=np.full(100, -1))
    assert len(chosen) == 24


def test_only_eligible_images_are_shown_and_fewer_where_there_are_no_more():
    X = clusters((20, 20), spread=1.0)[0]
    eligible = np.arange(40) < 7
    _, chosen = ask(Pool(X), eligible=eligible, n=24)
    assert sorted(chosen) == list(range(7))
    rows = np.array([10, 11, 12, 13, 14, 15, 16, 17])
    pool, state = warm(X, np.arange(40) % 2, rows)
    _, chosen = ask(pool, eligible=eligible, n=24, **state)
    assert sorted(chosen) == list(range(7))
    assert ask(pool, eligible=np.zeros(40, dtype=bool), n=24, **state)[1] == []


def test_the_same_question_has_the_same_answer():
    X, _ = clusters((100, 100, 50))
    assert ask(Pool(X), n=10, seed=3)[1] == ask(Pool(X), n=10, seed=3)[1]


def test_of_very_many_some_are_looked_at_and_others_with_the_next_label(monkeypatch):
    monkeypatch.setattr("fewshot_lab.sampling.suggestions.LOOKED_AT", 50)
    X, y = clusters((100, 100), spread=1.0)
    rows = np.array([int(np.flatnonzero(y == k)[i]) for k in range(2) for i in range(8)])
    for pool, state in ((Pool(X), {}), warm(X, y, rows)):
        free = np.setdiff1d(np.arange(200), rows) if state else np.arange(200)
        step = -(-len(free) // 50)
        for seed in range(step):
            chosen = ask(pool, n=10, seed=seed, **state)[1]
            assert len(chosen) == 10 and set(chosen) <= set(free[seed::step].tolist())


def test_identical_images_give_one_suggestion():
    X = np.ones((30, 8), dtype=np.float32)
    X[:15] = 2
    assert 1 <= len(ask(Pool(X), n=10)[1]) <= 2


@pytest.mark.slow
def test_it_needs_fewer_labels_than_random():
    X, y = clusters((400, 400, 60, 60, 30, 30), spread=0.8, d=16)
    pool = Pool(X)

    def after(choose):
        labels = np.full(len(y), -1)
        p, class_ids = None, []
        for step in range(4):
            rows = choose(labels, p, class_ids, step)
            labels[rows] = y[rows]
            known = np.flatnonzero(labels >= 0)
            fitted = fit(X[known], labels[known], pool=pool, rows=known, quick=True)
            p, class_ids = fitted.pool_probabilities(pool), fitted.class_ids.tolist()
        predicted = fitted.class_ids[p.argmax(axis=1)]
        return np.mean([(predicted[y == k] == k).mean() for k in range(6)])

    def ours(labels, p, class_ids, step):
        place = {c: k for k, c in enumerate(class_ids)}
        labelled = np.array([place.get(c, 0) if c >= 0 else -1 for c in labels])
        names = [str(c) for c in class_ids]
        return ask(
            pool, labelled, probabilities=p, class_ids=class_ids, names=names, n=10, seed=step
        )[1]

    def random(seed):
        rng = np.random.default_rng(seed)
        return lambda labels, p, class_ids, step: rng.permutation(np.flatnonzero(labels < 0))[:10]

    assert after(ours) > np.mean([after(random(seed)) for seed in range(5)])


def test_two_classes_are_told_apart_by_images_between_them_unlike_each_other():
    X, y = clusters((200, 200, 200), spread=1.4)
    rows = np.concatenate([np.flatnonzero(y == k)[:15] for k in range(3)])
    pool, state = warm(X, y, rows)
    eligible = state["labelled"] < 0
    ids = [str(i) for i in range(len(X))]
    found = suggest_between((0, 2), pool, ids, eligible=eligible, n=8, **state)
    p = state["probabilities"][[int(s.image_id) for s in found]]
    lesser = np.minimum(state["probabilities"][:, 0], state["probabilities"][:, 2])
    assert len({s.image_id for s in found}) == len(found) == 8
    assert (np.minimum(p[:, 0], p[:, 2]) >= 0.1).all()
    assert np.minimum(p[:, 0], p[:, 2]).mean() > 2 * lesser[eligible].mean()
    assert {s.classes for s in found} == {(0, 2)}
    assert re.fullmatch(r"between class0 \(\d+.%\) and class2 \(\d+.%\)", found[0].reason)
    # An image of which it is sure is not between anything; a class without labels is unknown.
    state["probabilities"] = np.eye(3, dtype=np.float32)[y]
    assert suggest_between((0, 2), pool, ids, eligible=eligible, n=8, **state) == []
    assert suggest_between((0, 7), pool, ids, eligible=eligible, n=8, **state) == []
