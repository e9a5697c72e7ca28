"""The audit draw: every image with the same chance, groups as a whole, weights that undo it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from fewshot_lab.sampling import (
    draw_further,
    draw_units,
    images_per_group,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.stats import Stratum, Unit, audit_weights
from fewshot_lab.store import AuditDraw


def record(found, until=0, names=None):
    return [
        Stratum(
            (names or {}).get(k, ""),
            until,
            tuple(Unit(tuple(map(str, rows)), size, of, usual) for rows, size, of, usual in units),
        )
        for k, units in found
    ]


def test_every_image_has_the_same_chance():
    eligible = np.ones(50, dtype=bool)
    eligible[[3, 4]] = False
    counts = np.zeros(50)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        [(_, units)] = draw_units(np.arange(50), eligible, 5, rng)
        rows = np.concatenate([u[0] for u in units])
        assert len(set(rows.tolist())) == 5
        counts[rows] += 1
    assert counts[3] == counts[4] == 0
    expected = 1000 * 5 / 48
    chi2 = ((counts[eligible] - expected) ** 2 / expected).sum()
    assert chi2 < 90  # 47 degrees of freedom: one in ten thousand
    [(_, units)] = draw_units(np.arange(50), eligible, 100, rng)
    assert len(units) == 48


def test_a_plain_sample_weighs_the_same_however_many_draws_it_came_in():
    rng = np.random.default_rng(0)
    left = np.ones(100, dtype=bool)
    design = []
    for n in (5, 12, 3):
        found = draw_units(np.arange(100), left, n, rng)
        left[[u[0][0] for _, units in found for u in units]] = False
        design.append(record(found))
    weights = audit_weights(design, [str(i) for i in range(100)])
    assert {round(w.weight, 9) for w in weights.values()} == {5.0}


@pytest.mark.parametrize("strata", [False, True])
def test_weights_undo_groups_strata_and_several_draws(strata):
    """The mean over many draws is the truth, where the plain mean of the drawn is not."""
    rng = np.random.default_rng(1)
    size = np.concatenate([rng.integers(1, 4, 60), [15, 20, 25]])
    code = np.repeat(np.arange(len(size)), size)
    y = (rng.random(len(size))[code] < np.where(size[code] > 10, 0.9, 0.3)).astype(float)
    part = (np.arange(len(code)) % 7 == 0).astype(np.int64) + (size[code] > 10)
    part = part[np.unique(code, return_index=True)[1]][code]
    found, plain = [], []
    for _ in range(1500):
        left, design = np.ones(len(code), dtype=bool), []
        for n in (4, 9):
            drawn = draw_units(
                code, left, n, rng, take=np.full(len(code), 2), strata=part if strata else None
            )
            taken = [u[0][0] for _, units in drawn for u in units]
            left &= ~np.isin(code, code[taken])
            design.append(record(drawn, names={0: "a", 1: "b", 2: "c"}))
        weights = audit_weights(design, [str(i) for i in range(len(code))])
        w = np.array([v.weight for v in weights.values()])
        of = y[[int(i) for i in weights]]
        found.append((w * of).sum())
        plain.append(len(code) * of.mean())
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - y.sum()) < 3.5 * error
    if strata:
        assert abs(np.mean(plain) - y.sum()) > 4 * error


def test_the_record_is_read_as_it_was_written():
    now = datetime.now(UTC)
    strata = [Stratum("site = A", 40, (Unit(("x", "y"), 6, 40, 3.5), Unit(("z",), 1, 34, 3.0)))]
    old = AuditDraw(1, now, 20, "uniform", ("p", "q"))
    new = AuditDraw(2, now, 40, write_strata(strata), ("x", "y", "z"))
    more = AuditDraw(3, now, 3, write_more([("x", ["v"])]), ("v",))
    first, second = read_design([old, new, more])
    assert first == [Stratum("", 0, (Unit(("p",), 1, 20), Unit(("q",), 1, 19)))]
    assert second[0].units[0] == Unit(("x", "y", "v"), 6, 40, 3.5)
    assert second[0].units[1] == strata[0].units[1]


def test_units_without_an_answer_count_as_not_drawn():
    units = tuple(Unit((str(k),), 1, 100 - k) for k in range(10))
    weights = audit_weights([[Stratum("", 100, units)]], ["0", "4", "5", "9"])
    assert set(weights) == {"0", "4", "5", "9"}
    assert {round(w.weight, 9) for w in weights.values()} == {25.0}


def test_images_added_later_weigh_for_themselves_alone():
    old = [Stratum("", 100, tuple(Unit((str(k),), 1, 100 - k) for k in range(10)))]
    new = [Stratum("", 130, tuple(Unit((f"n{k}",), 1, 30 - k) for k in range(5)))]
    weights = audit_weights(
        [old, new], {str(k) for k in range(10)} | {f"n{k}" for k in range(5)}, {100: 100, 130: 30}
    )
    assert weights["3"].weight == pytest.approx(10)
    assert weights["n2"].weight == pytest.approx(6)


def test_further_images_come_from_the_groups_with_the_fewest():
    code = np.repeat([0, 1, 2, 3], [10, 10, 3, 10])
    drawn = np.zeros(33, bool)
    drawn[[0, 1, 2, 10, 20]] = True  # three of the first, one of the second and the third
    rows = draw_further(code, drawn, np.ones(33, bool), 6, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 6
    assert not drawn[rows].any()
    assert sorted(code[rows[:4]].tolist()) == [1, 1, 2, 2]
    assert sorted(code[rows[4:]].tolist()) == [0, 1]  # the third has no more
    everything = draw_further(code, drawn, np.ones(33, bool), 99, np.random.default_rng(0))
    assert sorted(everything.tolist()) == sorted(np.flatnonzero(~drawn & (code < 3)).tolist())
    counts = np.zeros(33)
    for seed in range(400):
        rows = draw_further(code, drawn, np.ones(33, bool), 1, np.random.default_rng(seed))
        counts[rows] += 1
    assert (counts[11:20] > 0).all()
    assert (counts[21:23] > 0).all()


def test_of_many_small_groups_one_image_each_is_asked_and_of_few_large_ones_more():
    small, large = np.repeat(np.arange(300), 10), np.repeat(np.arange(30), 100)
    every = np.ones(3000, bool)
    assert images_per_group(small, every, 50, 600) == 1
    assert images_per_group(large, every, 12, 600) == 2
    assert images_per_group(large, every, 50, 600) == 5
    assert images_per_group(large, every, 50, 0) == 5
    assert images_per_group(np.arange(3000), every, 50, 600) == 1
