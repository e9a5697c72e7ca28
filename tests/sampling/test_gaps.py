"""Suggestions that fill class-by-site gaps."""

import numpy as np

from fewshot_lab.classifiers import Pool
from fewshot_lab.sampling import Confounder, suggest_by

NAMES = ("benign", "malignant")


def drawn(seed=0, n=400):
    """Return a pool, classes, sites and probabilities; site B has labels of one class alone."""
    rng = np.random.default_rng(seed)
    y, site = rng.integers(0, 2, n), rng.integers(0, 2, n)
    X = rng.normal(size=(n, 8)) + 2.0 * rng.normal(size=(2, 8))[y]
    p = np.clip(np.where(y == 1, 0.9, 0.1) + rng.normal(0, 0.05, n), 0.01, 0.99)
    labelled = np.full(n, -1)
    some = rng.permutation(n)[:80]
    some = some[(y[some] == 0) | (site[some] == 0)]
    labelled[some] = y[some]
    return Pool(X.astype(np.float32)), y, site, np.stack([1 - p, p], axis=1), labelled


def choose(strategy, confounders):
    pool, y, site, probabilities, labelled = drawn()
    ids = [str(k) for k in range(len(y))]
    chosen = suggest_by(
        strategy,
        pool,
        ids,
        labelled=labelled,
        eligible=np.ones(len(y), dtype=bool),
        probabilities=probabilities,
        class_ids=(7, 9),
        names=NAMES,
        confounders=confounders,
        n=24,
    )
    rows = np.array([int(each.image_id) for each in chosen])
    return chosen, y[rows], site[rows], labelled


def test_what_a_site_lacks_comes_first():
    _, _, site, _, _ = drawn()
    column = Confounder("site", site, ("A", "B"))
    chosen, y, where, labelled = choose("gaps", (column,))
    gap = (y == 1) & (where == 1)
    malignant = (labelled == 1).sum()
    assert gap[:5].all()
    assert gap.sum() >= min(20, malignant // 4)
    assert chosen[0].strategy == "gaps"
    assert chosen[0].classes == (9,)
    assert chosen[0].reason.startswith("few malignant labels of site B: likely malignant ")
    assert chosen[0].reason.endswith(" %")
    assert len({each.image_id for each in chosen}) == 24
    assert any(each.strategy == "cover" for each in chosen)


def test_other_strategies_do_not_look_at_it():
    _, _, site, _, _ = drawn()
    column = Confounder("site", site, ("A", "B"))
    mixed = [each.image_id for each in choose("mixed", (column,))[0]]
    assert mixed == [each.image_id for each in choose("mixed", ())[0]]


def test_images_without_a_value_fill_no_gap():
    _, _, site, _, _ = drawn()
    column = Confounder("site", np.where(site == 1, -1, 0), ("A", "B"))
    chosen, *_ = choose("gaps", (column,))
    assert all("site B" not in each.reason for each in chosen)
