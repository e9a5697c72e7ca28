"""The learning curve of the labels at hand, and what the next ones are worth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, subset_predictions
from fewshot_lab.evaluation.curve_bootstrap import (
    REPLICATES,
    Bootstrap,
    how_much_easier,
    luck_of,
    variance_of,
    worth_of,
)
from fewshot_lab.evaluation.curve_fits import FOLDS, THINNED, apart, hits_of, plan_fits, together_of
from fewshot_lab.evaluation.curves import (
    LEVEL,
    NEXT,
    NEXT_OF_CLASS,
    Band,
    ClassCurve,
    LearningCurve,
)
from fewshot_lab.stats import PowerLaws, balanced, fit_power_laws, widened, wilson

Float = NDArray[np.float64]
Rows = NDArray[np.int64]

AUDIT_PER_CLASS = 5
AUDIT_ENOUGH = 60
AUDIT_TO_SCALE = 10
"""With fewer audit images errors are not scaled to theirs: four that are right prove nothing."""
PICKED = (1.6, 0.4)
"""What labels picked by the classifier's doubt are worth against as many like those at hand: the
median and the standard deviation of the logarithm. From replays on blood cells and skin lesions
(draws 0 to 9 of ``benchmarks/advice.py``; its table is of other draws)."""
AHEAD = (1.0, 1.25, 1.5, 2.0)


def learning_curve(
    pool: Pool,
    rows: Rows,
    y: NDArray[np.int64],
    *,
    audit: NDArray[np.bool_] | None = None,
    groups: NDArray[Any] | None = None,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    audit_share: float = 0.0,
    picked: bool = False,
    repeats: int | None = None,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> LearningCurve | None:
    """Fit on growing random subsets of the labels at hand and test on images left out.

    Repeated: in every repeat the labels are dealt into five folds (whole groups, near-duplicates
    together); the four fifths that are not left out are put in an order that keeps the share of
    the classes, and its first 30, 42, 58, 78 and 100 % train a classifier. It is asked of the
    fifth left out and of all labelled audit images. Which of the two makes the curve: the audit
    images, once there are enough of them (60, and five of each class), because they stand for the
    pool; before that the labelled ones. Suggestions made these harder than the pool, so their
    errors are scaled to those on the audit images, once there are ten.

    Intervals by bootstrap over the test images (groups of them) and the repeats; each replicate
    is extrapolated by a power law of its own (:func:`fit_power_laws`). The interval of a gain, of
    all classes and of one, also holds the luck of which labels come next, as it shows between the
    repeats.

    Parameters
    ----------
    pool : Pool
    rows : array (n,)
        Labelled images in the pool, audit images among them.
    y : array (n,)
        Class ids.
    audit : array (n,) of bool, optional
        Those that may not train.
    groups : array (n,), optional
    name, parameters
        Of the classifier in use.
    audit_share : float
        Share of the coming labels that will not train.
    picked : bool
        Whether the coming labels are picked by the classifier's doubt: see :data:`PICKED`.
    repeats : int, optional
        By default fewer the more labels there are.

    Returns
    -------
    LearningCurve or None
        None with fewer than two classes of four labels each, and where nothing can be left out.
    """
    y = np.asarray(y, dtype=np.int64)
    audit = np.zeros(len(y), dtype=bool) if audit is None else audit
    # Classes with fewer than four training labels say nothing about growth.
    ids, count = np.unique(y[~audit], return_counts=True)
    ids = ids[count >= 4]
    if len(ids) < 2:
        return None
    used = np.isin(y, ids)
    rows, audit = rows[used], audit[used]
    code = np.searchsorted(ids, y[used])
    group_code = together_of(pool, rows, None if groups is None else np.asarray(groups)[used])
    audit, usable = apart(audit, group_code)
    K = len(ids)
    n = int(usable.sum())
    repeats = repeats or (8 if n <= 300 else 5 if n <= 1000 else 3)
    plan, sizes = plan_fits(code, group_code, usable, audit, repeats, seed)
    if not plan.train:  # all of them belong together: none can be left out
        return None
    predicted = subset_predictions(
        pool,
        rows,
        code,
        np.stack(plan.train),
        np.stack(plan.test),
        name=name,
        parameters=parameters,
        check=check,
    )
    of_audit = np.bincount(code[audit], minlength=K)
    basis = "labels"
    if audit.sum() >= AUDIT_ENOUGH and of_audit.min() >= AUDIT_PER_CLASS:
        basis = "audit"
    tests = audit if basis == "audit" else usable
    hits = hits_of(plan, predicted, code, tests, repeats, len(sizes))
    ratio, mean_ratio = np.ones(REPLICATES), 1.0
    scaled = basis == "labels" and int(audit.sum()) >= AUDIT_TO_SCALE
    if scaled:
        on_audit = hits_of(plan, predicted, code, audit, repeats, len(sizes))
        ratio, mean_ratio = how_much_easier(on_audit["all"], hits["all"], seed)
    # Images that were never left out (a class in one group) measure nothing.
    seen = tests & ~np.isnan(hits["all"]).all(axis=(0, 1))
    if not seen.any():
        return None
    boot = Bootstrap(code, group_code, seen, K, seed)
    typical = np.nanmean(np.where(seen, hits["all"], np.nan), axis=(0, 2))
    points, by_repeat = boot.recalls(hits["all"], typical)
    points = np.clip(1 - ratio[:, None, None] * (1 - points), 0, 1)
    by_repeat = np.clip(1 - mean_ratio * (1 - by_repeat), 0, 1)
    worth = worth_of(hits["all"][:, -1], code, group_code, seen, K)
    accuracy = np.nanmean(points, axis=2)  # (B, S)
    own = np.nanmean(by_repeat, axis=2)  # (R, S)
    middle = own.mean(axis=0)
    x = np.array(sizes, dtype=np.float64)
    laws = fit_power_laws(x, accuracy, variance_of(own), seed=seed)
    trains = max(1, round(NEXT * (1 - audit_share)))
    rng = np.random.default_rng(seed + 1)
    lift = np.ones(REPLICATES)
    if picked:
        lift = PICKED[0] * np.exp(PICKED[1] * rng.normal(size=REPLICATES))
    gain = lift * laws.gain(n, n + trains)
    best = float(np.median(gain))
    luck = luck_of(hits["all"], code, mean_ratio, x, n, trains)
    real = gain + luck * rng.normal(size=REPLICATES)
    measured = tuple(
        Band.of(middle[s], accuracy[:, s], 0.95).around(
            widened(
                balanced(by_repeat[:, s].mean(axis=0) * worth, worth, images=int(seen.sum())),
                worth.sum() - K,
            )
        )
        for s in range(len(sizes))
    )
    return LearningCurve(
        basis=basis,
        labels=n,
        sizes=tuple(sizes),
        accuracy=measured,
        ahead=tuple(_ahead(laws, sizes[-1], measured[-1], n, lift)),
        picked=picked,
        trains=trains,
        gain=Band.of(best, real, LEVEL),
        tested=int(seen.sum()),
        classes=tuple(
            _classes(
                ids, code, usable, seen, sizes, points, by_repeat, hits, boot, ratio, worth, typical
            )
        ),
        name=name,
        repeats=repeats,
        scaled=scaled,
        curves=laws,
    )


def _ahead(
    laws: PowerLaws, measured: int, seen: Band, n: int, lift: Float
) -> list[tuple[int, Band]]:
    """Return the curve from the last measured point on, beginning at what was seen there.

    Nothing ahead is surer than what was measured: where that interval is wider than the laws'
    there, all of them are widened by as much.
    """
    points: list[tuple[int, Band]] = []
    shift = seen.value - float(np.median(laws.at(measured)))
    low, high = 0.0, 0.0
    for at in sorted({measured, *(round(factor * n) for factor in AHEAD)}):
        value = laws.at(min(at, n)) + lift * laws.gain(n, max(at, n))
        value = np.clip(value + shift, 0.0, 1.0)
        band = Band.of(float(np.median(value)), value, 0.95)
        if not points:
            low, high = max(0.0, band.low - seen.low), max(0.0, seen.high - band.high)
        points.append((at, Band(band.value, max(0.0, band.low - low), min(1.0, band.high + high))))
    return points


def _classes(
    ids: NDArray[np.int64],
    code: NDArray[np.int64],
    usable: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    sizes: Sequence[int],
    points: Float,
    by_repeat: Float,
    hits: dict[Any, Float],
    boot: Bootstrap,
    ratio: Float,
    worth: Float,
    typical: Float,
) -> list[ClassCurve]:
    curves = []
    for k, class_id in enumerate(ids):
        n = int((usable & (code == k)).sum())
        tested = int((seen & (code == k)).sum())
        own = by_repeat[:, :, k].mean(axis=0)
        recall = tuple(
            Band.of(own[s], points[:, s, k], 0.95).around(wilson(own[s] * worth[k], worth[k]))
            if tested
            else Band(*(float("nan"),) * 3)
            for s in range(len(sizes))
        )
        gain = None
        if tested >= 5 and n >= 5 and k in hits:
            shares = [*THINNED, 1.0]
            middle = np.interp(shares, np.array(sizes) / sizes[-1], typical)
            replicates, repeated = boot.recalls(hits[k], middle, only=k)
            trained = n * (1 - 1 / FOLDS)
            x = np.array([*(max(1, round(t * trained)) for t in THINNED), trained])
            if len(np.unique(x)) == len(x):
                each = repeated[:, :, k]
                scaled = np.clip(1 - ratio[:, None] * (1 - replicates[:, :, k]), 0, 1)
                laws = fit_power_laws(x, scaled, variance_of(each) * ratio.mean() ** 2, seed=k)
                rise = laws.gain(n, n + NEXT_OF_CLASS)
                luck = luck_of(
                    np.where(code == k, hits[k], np.nan),
                    code,
                    float(ratio.mean()),
                    x,
                    n,
                    NEXT_OF_CLASS,
                )
                # Few repeats tell it, by the steps between the thinned classes: Student's t.
                free = len(THINNED) * max(1, len(hits[k]) - 1)
                real = rise + luck * np.random.default_rng(k).standard_t(free, size=REPLICATES)
                gain = Band.of(float(np.median(rise)), real, LEVEL)
        curves.append(ClassCurve(int(class_id), n, tested, recall, gain))
    return curves
