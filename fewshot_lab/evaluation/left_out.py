"""What a classifier loses at a site that it did not learn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from fewshot_lab.classifiers import Pool, stratified_folds, subset_predictions
from fewshot_lab.stats import Z95, Interval, Sample, mean_rate, student

Codes = NDArray[np.int64]
Float = NDArray[np.float64]

FEWEST, FEWEST_GROUPS = 10, 3
"""Labelled images, and groups, of a value with fewer of which nothing is tested on it."""
FOLDS, REPEATS = 5, 4
BLOCKS = 8
"""Parts of the other values' images that are left out, too, to see what hangs on each."""

LUCK = 1.5
"""What the jackknife's variance is multiplied by: the other classifiers were lucky or unlucky, too;
by simulation."""


@dataclass(frozen=True)
class LeftOut:
    """How well the images of one value are recognised with and without it in training.

    Attributes
    ----------
    without, among : Interval
        Balanced accuracy on the same images: learnt from the other values alone; and from as many
        labels of each class of which some are of this value, other groups.
    gain : Interval
        The first less the second.
    surely_worse : bool
        Whether that is below 0 at the level that was asked for.
    """

    without: Interval
    among: Interval
    gain: Interval
    surely_worse: bool


def left_out(
    pool: Pool,
    rows: Codes,
    y: Codes,
    value: Codes,
    groups: Codes,
    *,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> dict[int, LeftOut]:
    """Leave each value out of training in turn, and test on it.

    Fewer labels alone would make a classifier worse. So it is compared, image by image, with ones
    that learnt from as many labels of each class, drawn from all values, and of groups that are
    not tested (five folds, four draws).

    Parameters
    ----------
    pool : Pool
    rows, y, value, groups : array (n,) of int
        Labelled images: row in the pool, class index, value, and what stays together.
    name, parameters
        Of the classifier in use; see :func:`subset_predictions`.
    level : float
        At which a loss is called sure.

    Returns
    -------
    dict
        By value; one is missing that has too few images of classes that others have, too.
    """
    rng = np.random.default_rng(seed)
    plan: list[tuple[int, Codes]] = []
    train, test = [], []
    for v in range(int(value.max()) + 1):
        at_home = value == v
        others = ~at_home & ~np.isin(groups, groups[at_home])
        tested = np.flatnonzero(at_home & np.isin(y, y[others]))
        few = len(tested) < FEWEST or len(np.unique(groups[tested])) < FEWEST_GROUPS
        if few or len(np.unique(y[others])) < 2:
            continue
        plan.append((v, tested))
        block = np.full(len(y), -2)
        whole = np.unique(groups[others], return_inverse=True)[1]
        block[others] = stratified_folds(y[others], whole, k=BLOCKS, seed=seed)
        for b in (None, *range(BLOCKS)):
            train.append(others & (block != b))
            test.append(_mask(tested, len(y)))
        wanted = np.bincount(y[others], minlength=int(y.max()) + 1)
        for repeat in range(REPEATS):
            group_code = np.unique(groups[tested], return_inverse=True)[1]
            fold = stratified_folds(np.zeros_like(tested), group_code, k=FOLDS, seed=seed + repeat)
            for f in range(FOLDS):
                held = tested[fold == f]
                free = ~np.isin(groups, groups[held])
                train.append(_drawn(free, y, wanted, rng))
                test.append(_mask(held, len(y)))
    if not plan:
        return {}
    predicted = subset_predictions(
        pool,
        rows,
        y,
        np.stack(train),
        np.stack(test),
        name=name,
        parameters=parameters,
        check=check,
    )
    each = 1 + BLOCKS + REPEATS * FOLDS
    results = {}
    for number, (v, tested) in enumerate(plan):
        answers = predicted[number * each : (number + 1) * each, tested]
        hits = answers == y[tested]
        results[v] = _compared(
            y[tested],
            hits[: 1 + BLOCKS].astype(np.float64),
            hits[1 + BLOCKS :].sum(axis=0) / REPEATS,
            groups[tested],
            level,
        )
    return results


def _mask(rows: Codes, n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _drawn(
    free: NDArray[np.bool_], y: Codes, wanted: Codes, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return so many images of each class, drawn from those that are free."""
    chosen = [
        rng.choice(of_class, min(count, len(of_class)), replace=False)
        for k, count in enumerate(wanted)
        if len(of_class := np.flatnonzero(free & (y == k)))
    ]
    return _mask(np.concatenate(chosen), len(y))


def _compared(y: Codes, without: Float, among: Float, groups: Codes, level: float) -> LeftOut:
    """Compare hits (1 + BLOCKS, n), the first learnt from all of the others, with others' (n,).

    The interval of the difference follows from those of both and from how far they agree image by
    image (Newcombe 1998, Statistics in Medicine 17, 2635, method 10, for means of recalls). What
    was learnt from adds to the doubt from the images, by a jackknife over blocks.
    """
    sample = Sample.of(np.ones(len(y)), groups)
    code, n = np.unique(y, return_inverse=True, return_counts=True)[1:]
    units = len(sample.stratum)
    changes = (without[1:] - without[1:].mean(axis=0)) / (n[code] * len(n))
    apart = np.array([np.bincount(sample.cluster, each, minlength=units) for each in changes])
    # What changes image by image is in the doubt from the images already.
    common = float((changes.sum(axis=1) ** 2).sum() - (apart**2).sum())
    learning = LUCK * max(0.0, common) * (BLOCKS - 1) / BLOCKS
    alone, beside = mean_rate(y, without[0], sample), mean_rate(y, among, sample)
    own = max((alone.high - alone.low) / (2 * Z95), 1e-9)
    alone = _stretched(alone, float(np.sqrt(1 + learning / own**2)))
    agreement = _agreement(
        *(
            np.bincount(sample.cluster, hits - (np.bincount(code, hits) / n)[code])
            for hits in (without[0], among)
        )
    )
    gain = alone.value - beside.value

    def reach(one: float, other: float) -> float:
        squared = one**2 - 2 * agreement * one * other + other**2
        return float(np.sqrt(max(0.0, squared))) * student(units - len(n)) / Z95

    low = gain - reach(alone.value - alone.low, beside.high - beside.value)
    high = gain + reach(alone.high - alone.value, beside.value - beside.low)
    wider = float(stdtrit(max(1, units - len(n)), (1 + level) / 2)) / student(units - len(n))
    return LeftOut(
        without=alone,
        among=beside,
        gain=Interval(gain, max(-1.0, low), min(1.0, high), len(y)),
        surely_worse=gain + wider * (high - gain) < 0,
    )


def _agreement(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return how two looks at the same groups agree, 0 where one of them is always the same."""
    if min(one.std(), other.std()) < 1e-9:
        return 0.0
    return max(0.0, float(np.corrcoef(one, other)[0, 1]))


def _stretched(interval: Interval, factor: float) -> Interval:
    low = interval.value - factor * (interval.value - interval.low)
    high = interval.value + factor * (interval.high - interval.value)
    return Interval(interval.value, max(0.0, low), min(1.0, high), interval.n)
