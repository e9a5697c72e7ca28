"""Agreement between annotators: published examples, and intervals that contain the truth."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from fewshot_lab.stats import (
    cohen_kappa,
    difference,
    fleiss_kappa,
    paired_difference,
    raw_agreement,
)
from fewshot_lab.stats.agreement import cohen_parts, fleiss_parts, limits

# Fleiss 1971, table 1: 30 patients, five diagnoses, six psychiatrists.
DIAGNOSES = [
    "444444",
    "222555",
    "233335",
    "555555",
    "222444",
    "113333",
    "333355",
    "113334",
    "114444",
    "555555",
    "144444",
    "124444",
    "222333",
    "144444",
    "224445",
    "333335",
    "111455",
    "111112",
    "224444",
    "133555",
    "555555",
    "244444",
    "224555",
    "114444",
    "144445",
    "222224",
    "111155",
    "224444",
    "133333",
    "555555",
]


def counts_of(rows: list[str]) -> np.ndarray:
    return np.array([[row.count(str(k)) for k in range(1, 6)] for row in rows])


def test_fleiss_of_1971():
    counts = counts_of(DIAGNOSES)
    assert counts.sum(axis=0).tolist() == [26, 26, 30, 55, 43]  # as printed there
    found = fleiss_kappa(counts)
    assert found.value == pytest.approx(0.4302445, abs=1e-7)  # irr's kappam.fleiss
    assert found.n == 30 and 0.28 < found.low < 0.38 and 0.5 < found.high < 0.58
    assert raw_agreement(counts).value == pytest.approx(0.5556, abs=1e-4)
    # An image with one label tells nothing about agreement.
    assert fleiss_kappa(np.vstack([counts, [[1, 0, 0, 0, 0]] * 9])) == found


def test_unequal_numbers_of_labels():
    # Two labels on some, three on others: by hand from the definition.
    counts = np.array([[2, 0], [1, 1], [0, 3], [1, 2]])
    share = counts / counts.sum(axis=1, keepdims=True)
    chance = (share.mean(axis=0) ** 2).sum()
    agree = np.mean([1, 0, 1, 1 / 3])
    assert fleiss_kappa(counts).value == pytest.approx((agree - chance) / (1 - chance))


def test_cohen_against_sklearn_and_sas():
    rng = np.random.default_rng(0)
    for K in (2, 5):
        a = rng.integers(0, K, 200)
        b = np.where(rng.random(200) < 0.7, a, rng.integers(0, K, 200))
        assert cohen_kappa(a, b).value == pytest.approx(cohen_kappa_score(a, b))
    # PROC FREQ's unweighted kappa and asymptotic standard error of this table.
    table = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]
    a, b = zip(
        *[(i, j) for i in range(3) for j in range(3) for _ in range(table[i][j])], strict=True
    )
    assert cohen_kappa(np.array(a), np.array(b)).value == pytest.approx(0.4842, abs=5e-5)
    eye = np.eye(3)
    influence = cohen_parts(eye[list(a)], eye[list(b)]).influence
    assert np.sqrt((influence**2).sum()) / len(a) == pytest.approx(0.1380, abs=5e-5)


def test_what_cannot_be_told_is_not_told():
    one = np.zeros(9, dtype=int)
    for found in (
        cohen_kappa(one, one),
        cohen_kappa(one[:0], one[:0]),
        fleiss_kappa(np.array([[3, 0], [2, 0]])),
        fleiss_kappa(np.zeros((0, 4))),
    ):
        assert np.isnan(found.value) and (found.low, found.high) == (-1, 1)
    assert np.isnan(raw_agreement(np.zeros((3, 2))).value)
    assert np.isnan(difference(one[:0], one).value)


def test_full_agreement_is_no_certainty():
    a = np.arange(40) % 4
    found = cohen_kappa(a, a)
    assert found.value == found.high == 1 and 0.8 < found.low < 0.92
    grouped = cohen_kappa(a, a, np.repeat(np.arange(10), 4))
    assert grouped.low < found.low


# -- intervals cover ------------------------------------------------------------------------------

TRIALS = 2000


def readers(rng, trials, n, K, accuracy, groups=None, R=3):
    """Annotators who see the true class with a chance that differs from patient to patient."""
    shape = (trials, n)
    if groups is None:
        truth = rng.integers(0, K, shape)
        sure = accuracy
    else:
        G = groups.max() + 1
        own = rng.integers(0, K, (trials, G))[:, groups]
        truth = np.where(rng.random(shape) < 0.5, own, rng.integers(0, K, shape))
        sure = rng.beta(accuracy / 0.15, (1 - accuracy) / 0.15, (trials, G))[:, groups]
    said = []
    for _ in range(R):
        other = (truth + rng.integers(1, K, shape)) % K
        said.append(np.where(rng.random(shape) < sure, truth, other))
    return np.eye(K, dtype=np.float32)[np.stack(said)]


def true_kappa(parts):
    return float(1 - parts.observed[0] / parts.expected[0])


def patients(n, kind):
    """Four images of each patient, or from one to many."""
    if kind == "alone":
        return None
    if kind == "fours":
        return np.arange(n) // 4
    sizes = np.random.default_rng(1).geometric(0.4, n)
    return np.repeat(np.arange(n), sizes)[:n]


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["alone", "fours", "uneven"])
@pytest.mark.parametrize("n", [20, 100, 500])
@pytest.mark.parametrize(("K", "accuracy"), [(4, 0.75), (4, 0.9), (2, 0.9), (4, 0.97)])
def test_intervals_of_kappa_cover(K, accuracy, n, kind):
    rng = np.random.default_rng(n)
    groups, many = patients(n, kind), patients(100_000, kind)
    crowd = readers(rng, 1, 100_000, K, accuracy, many)
    trials = TRIALS if n < 500 else TRIALS // 4
    for parts_of in (lambda x: cohen_parts(x[0], x[1]), lambda x: fleiss_parts(x.sum(axis=0))):
        truth = true_kappa(parts_of(crowd))
        covered, total = 0, 0
        for _ in range(TRIALS // trials):
            parts = parts_of(readers(rng, trials, n, K, accuracy, groups))
            ok = parts.expected > 1e-9  # else it is said that nothing can be told
            low, high = limits(parts, groups)
            covered += int(((low <= truth) & (truth <= high))[ok].sum())
            total += int(ok.sum())
        assert total > 0.99 * TRIALS
        # Of 20 images of a few patients, labelled nearly without error, most samples hold none
        # or one: there the interval errs by being too wide.
        most = 0.99 if (n, accuracy) == (20, 0.97) else 0.98
        assert 0.92 <= covered / total <= most


@pytest.mark.exhaustive
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_intervals_of_differences_cover(n, grouped):
    """Half of the images see the prediction, by lot: 0.85 follow it, against 0.7."""
    rng = np.random.default_rng(n)
    covered, paired = 0, 0
    for _ in range(TRIALS):
        groups = np.arange(n) // 4 if grouped else np.arange(n)
        shift = rng.uniform(-0.15, 0.15, n)[groups] if grouped else np.zeros(n)
        seen = rng.permutation(n) < n // 2
        hit = rng.random(n) < np.where(seen, 0.85, 0.7) + shift
        given = (groups[seen], groups[~seen]) if grouped else None
        found = difference(hit[seen], hit[~seen], given)
        covered += found.low <= 0.15 <= found.high
        again = rng.random(n) < np.where(seen, 0.7, 0.85) + shift
        both = paired_difference(
            np.where(seen, hit, again), np.where(seen, again, hit), groups if grouped else None
        )
        paired += both.low <= 0.15 <= both.high
    assert 0.92 <= covered / TRIALS <= 0.98
    assert 0.92 <= paired / TRIALS <= 0.98


@pytest.mark.parametrize("n", [20, 100, 500])
@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_of_raw_agreement_cover(n, grouped):
    rng = np.random.default_rng(n)
    groups = np.arange(n) // 4 if grouped else None
    crowd = readers(rng, 1, 100_000, 4, 0.9, np.arange(100_000) // 4 if grouped else None, R=2)
    truth = float((crowd.sum(axis=0)[0] == 2).any(axis=-1).mean())
    said = readers(rng, TRIALS, n, 4, 0.9, groups, R=2).sum(axis=0)
    found = [raw_agreement(each, groups) for each in said]
    covered = sum(each.low <= truth <= each.high for each in found)
    assert 0.92 <= covered / TRIALS <= 0.98


def test_kinds_of_images_are_compared_with_their_like():
    # Whoever sees the prediction is shown easier images: within each kind nothing differs.
    easy, hard = np.r_[np.ones(90), np.zeros(10)], np.r_[np.ones(10), np.zeros(10)]
    first, kinds = np.r_[easy, hard], np.r_[np.zeros(100), np.ones(20)]
    second, other = np.r_[easy[::5], np.tile(hard, 5)], np.r_[np.zeros(20), np.ones(100)]
    assert difference(first, second).value > 0.2
    found = difference(first, second, strata=(kinds, other))
    assert found.value == pytest.approx(0, abs=1e-9) and found.low < 0 < found.high
    # Newcombe 1998, table II (b): 9/10 against 3/10, method 10.
    found = difference(np.r_[np.ones(9), 0], np.r_[np.ones(3), np.zeros(7)])
    assert (found.low, found.high) == (
        pytest.approx(0.1705, abs=2e-2),
        pytest.approx(0.8090, abs=2e-2),
    )
