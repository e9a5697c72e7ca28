"""The learning curve of the labels at hand, and what the next ones are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, leak_groups, stratified_folds, subset_predictions
from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size, wilson
from fewshot_lab.evaluation._power_law import PowerLaws, fit_power_laws

Float = NDArray[np.float64]
Rows = NDArray[np.int64]

NEXT = 50
"""Labels, of all classes, that the advice speaks of; of one class:"""
NEXT_OF_CLASS = 20
LEVEL = 0.8
"""Of the intervals for gains: they hold the real gain in four of five cases."""
FRACTIONS = (0.3, 0.42, 0.58, 0.78, 1.0)
THINNED = (0.35, 0.6)
FOLDS = 5
AUDIT_PER_CLASS = 5
AUDIT_ENOUGH = 60
AUDIT_TO_SCALE = 10
"""With fewer audit images errors are not scaled to theirs: four that are right prove nothing."""
REPLICATES = 400
IMAGINED = 2.0
PICKED = (1.6, 0.4)
"""What labels picked by the classifier's doubt are worth against as many like those at hand: the
median and the standard deviation of the logarithm. From replays on blood cells and skin lesions
(draws 0 to 9 of ``benchmarks/advice.py``; its table is of other draws)."""
AHEAD = (1.0, 1.25, 1.5, 2.0)


@dataclass(frozen=True)
class Band:
    """A figure and its interval; ``low`` and ``high`` are NaN where nothing is known."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, replicates: Float, level: float) -> Band:
        """Take the middle of the replicates as the interval."""
        low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
        return cls(float(value), float(min(low, value)), float(max(high, value)))

    def around(self, other: Interval) -> Band:
        """Return the same value with an interval that holds another one, too.

        The bootstrap knows no error that it has not seen; the score interval does.
        """
        return Band(self.value, min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class ClassCurve:
    """What is known of one class.

    Attributes
    ----------
    class_id : int
    n : int
        Labels that train.
    tested : int
        Images by which its recall is measured.
    recall : tuple of Band
        At the sizes of the whole curve, 95 %.
    gain : Band or None
        Of its recall by :data:`NEXT_OF_CLASS` more labels of this class alone; None with too
        few to say.
    """

    class_id: int
    n: int
    tested: int
    recall: tuple[Band, ...]
    gain: Band | None


@dataclass(frozen=True)
class LearningCurve:
    """Balanced accuracy against the number of labels, and where it goes.

    Attributes
    ----------
    basis : "audit" or "labels"
        What it is tested on: labelled audit images, or labelled images held out in turn.
    labels : int
        Labels that train now.
    sizes : tuple of int
        Training labels at the measured points.
    accuracy : tuple of Band
        Balanced accuracy there, 95 %.
    ahead : tuple of (int, Band)
        Extrapolated, 95 % of the curve itself: from the last measured point to twice the labels.
    trains : int
        Of the next :data:`NEXT` labels those that train; the others are drawn to measure.
    gain : Band
        Of balanced accuracy by these; holds what comes with probability :data:`LEVEL`.
    tested : int
        Images.
    classes : tuple of ClassCurve
    name : str
        The classifier.
    repeats : int
    scaled : bool
        Whether errors on labelled images were scaled to those on the audit images.
    picked : bool
        Whether gains are those of labels picked by doubt.
    """

    basis: str
    labels: int
    sizes: tuple[int, ...]
    accuracy: tuple[Band, ...]
    ahead: tuple[tuple[int, Band], ...]
    trains: int
    gain: Band
    tested: int
    classes: tuple[ClassCurve, ...]
    name: str = ""
    repeats: int = 0
    scaled: bool = False
    picked: bool = False
    curves: PowerLaws | None = field(default=None, repr=False, compare=False)


@dataclass
class _Plan:
    """Fits to make: what each learns from and what it is asked."""

    train: list[NDArray[np.bool_]] = field(default_factory=list)
    test: list[NDArray[np.bool_]] = field(default_factory=list)
    what: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, what: tuple[Any, ...], train: NDArray[np.bool_], test: NDArray[np.bool_]) -> None:
        self.what.append(what)
        self.train.append(train)
        self.test.append(test)


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
    is extrapolated by a power law of its own (:func:`fit_power_laws`). The gain's interval also
    holds the luck of which labels come next, as it shows between the repeats.

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
        None with fewer than two classes of four labels each.
    """
    y = np.asarray(y, dtype=np.int64)
    audit = np.zeros(len(y), dtype=bool) if audit is None else audit
    # Classes with fewer than four training labels say nothing about growth.
    ids, count = np.unique(y[~audit], return_counts=True)
    ids = ids[count >= 4]
    if len(ids) < 2:
        return None
    kept = np.isin(y, ids)
    rows, audit = rows[kept], audit[kept]
    code = np.searchsorted(ids, y[kept])
    together = _together(pool, rows, None if groups is None else np.asarray(groups)[kept])
    audit, usable = _apart(audit, together)
    K = len(ids)
    n = int(usable.sum())
    repeats = repeats or (8 if n <= 300 else 5 if n <= 1000 else 3)
    plan, sizes = _plan(code, together, usable, audit, repeats, seed)
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
    hits = _hits(plan, predicted, code, tests, repeats, len(sizes))
    ratio, mean_ratio = np.ones(REPLICATES), 1.0
    scaled = basis == "labels" and int(audit.sum()) >= AUDIT_TO_SCALE
    if scaled:
        on_audit = _hits(plan, predicted, code, audit, repeats, len(sizes))
        ratio, mean_ratio = _how_much_easier(on_audit["all"], hits["all"], seed)
    # Images that were never left out (a class in one group) measure nothing.
    seen = tests & ~np.isnan(hits["all"]).all(axis=(0, 1))
    if not seen.any():
        return None
    boot = _Bootstrap(code, together, seen, K, repeats, seed)
    typical = np.nanmean(np.where(seen, hits["all"], np.nan), axis=(0, 2))
    points, by_repeat = boot.recalls(hits["all"], typical)
    points = np.clip(1 - ratio[:, None, None] * (1 - points), 0, 1)
    by_repeat = np.clip(1 - mean_ratio * (1 - by_repeat), 0, 1)
    worth = _worth(hits["all"][:, -1], code, together, seen, K)
    accuracy = np.nanmean(points, axis=2)  # (B, S)
    own = np.nanmean(by_repeat, axis=2)  # (R, S)
    middle = own.mean(axis=0)
    x = np.array(sizes, dtype=np.float64)
    laws = fit_power_laws(x, accuracy, _variance(own), seed=seed)
    trains = max(1, round(NEXT * (1 - audit_share)))
    rng = np.random.default_rng(seed + 1)
    lift = np.ones(REPLICATES)
    if picked:
        lift = PICKED[0] * np.exp(PICKED[1] * rng.normal(size=REPLICATES))
    gain = lift * laws.gain(n, n + trains)
    best = float(np.median(gain))
    luck = _luck(hits["all"], code, mean_ratio, x, n, trains)
    real = gain + luck * rng.normal(size=REPLICATES)
    measured = tuple(
        Band.of(middle[s], accuracy[:, s], 0.95).around(
            balanced(by_repeat[:, s].mean(axis=0) * worth, worth, images=int(seen.sum()))
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


def _together(pool: Pool, rows: Rows, groups: NDArray[Any] | None) -> NDArray[np.int64]:
    Z = pool.rotated[rows]
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    unit = Z / np.where(length == 0, 1, length)
    return leak_groups(unit, None if groups is None else groups.astype(object))


def _apart(
    audit: NDArray[np.bool_], together: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the audit images to test on and the labels to train on: no group on both sides."""
    usable = ~audit & ~np.isin(together, together[audit])
    if usable.sum() < 0.7 * (~audit).sum():
        # Drawn within the groups of the labels: what they measure would not be new patients.
        return np.zeros_like(audit), ~audit
    return audit, usable


def _order(code: NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """Return an order of the rows in which every beginning has the classes' shares."""
    place = np.empty(len(code))
    for k in np.unique(code):
        mine = rng.permutation(np.flatnonzero(code == k))
        place[mine] = (np.arange(len(mine)) + rng.random(len(mine))) / len(mine)
    return np.argsort(place, kind="stable")


def _plan(
    code: NDArray[np.int64],
    together: NDArray[np.int64],
    usable: NDArray[np.bool_],
    audit: NDArray[np.bool_],
    repeats: int,
    seed: int,
) -> tuple[_Plan, list[int]]:
    plan = _Plan()
    own = np.flatnonzero(usable)
    _, own_groups = np.unique(together[own], return_inverse=True)
    folds = [
        stratified_folds(code[own], own_groups, k=FOLDS, seed=seed + r) for r in range(repeats)
    ]
    least = min(int((fold != f).sum()) for fold in folds for f in range(FOLDS))
    sizes = sorted({max(4, round(f * least)) for f in FRACTIONS})
    few = max(1, (repeats + 1) // 2)
    for r, fold in enumerate(folds):
        for f in range(FOLDS):
            test = audit.copy()
            test[own[fold == f]] = True
            free = own[fold != f]
            if not test.any() or not len(free):
                continue
            rng = np.random.default_rng([seed, r, f])
            ordered = free[_order(code[free], rng)]
            for s, size in enumerate(sizes):
                mask = np.zeros(len(code), dtype=bool)
                mask[ordered[:size]] = True
                plan.add(("all", r, s, f), mask, test)
            if r >= few:
                continue
            full = np.zeros(len(code), dtype=bool)
            full[free] = True
            for k in np.unique(code[own]):
                mine = ordered[code[ordered] == k]
                for t, share in enumerate(THINNED):
                    mask = full.copy()
                    mask[mine[max(1, round(share * len(mine))) :]] = False
                    plan.add(("class", r, int(k), t, f), mask, test & (code == k))
            plan.add(("full", r, f), full, test)
    return plan, sizes


def _hits(
    plan: _Plan,
    predicted: NDArray[np.int16],
    code: NDArray[np.int64],
    tests: NDArray[np.bool_],
    repeats: int,
    n_sizes: int,
) -> dict[Any, Float]:
    """Return how often each image was right (R, S, n), averaged over the fits that were asked.

    Key "all" for the whole curve, a class index for that class thinned out; NaN where not asked.
    """
    n = len(code)
    right = np.where(predicted < 0, np.nan, predicted == code)
    total: dict[Any, Float] = {}
    asked: dict[Any, Float] = {}

    def put(key: Any, shape: tuple[int, int], r: int, s: int, row: Float) -> None:
        if key not in total:
            total[key], asked[key] = np.zeros((*shape, n)), np.zeros((*shape, n))
        known = ~np.isnan(row) & tests
        total[key][r, s, known] += row[known]
        asked[key][r, s, known] += 1

    few = max(1, (repeats + 1) // 2)
    classes = np.unique(code)
    for what, row in zip(plan.what, right, strict=True):
        if what[0] == "all":
            put("all", (repeats, n_sizes), what[1], what[2], row)
        elif what[0] == "class":
            put(what[2], (few, len(THINNED) + 1), what[1], what[3], row)
        else:
            for k in classes:
                only = np.where(code == k, row, np.nan)
                put(int(k), (few, len(THINNED) + 1), what[1], len(THINNED), only)
    return {key: _ratio(total[key], asked[key]) for key in total}


def _ratio(a: Float, b: Float) -> Float:
    """Return a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)


def _how_much_easier(on_audit: Float, on_labels: Float, seed: int) -> tuple[Float, float]:
    """Return the error on audit images as a share of that on labelled ones: replicates and mean.

    Where suggestions picked the labelled images they are harder than the pool: errors there fall
    in the same proportion as in the pool, but from another height.
    """
    right = np.nanmean(on_audit[:, -1][:, ~np.isnan(on_audit[0, -1])], axis=0)
    wrong = float(np.clip(1 - np.nanmean(on_labels[:, -1]), 0.005, 1.0))
    # Two images' worth of belief that they are equally hard.
    a = float((1 - right).sum()) + 2 * wrong
    b = float(right.sum()) + 2 * (1 - wrong)
    share = np.random.default_rng(seed + 2).beta(a, b, REPLICATES) / wrong
    return np.minimum(share, 1 / wrong), a / (a + b) / wrong


class _Bootstrap:
    """Replicates over the test images (whole groups) and the repeats."""

    def __init__(
        self,
        code: NDArray[np.int64],
        together: NDArray[np.int64],
        seen: NDArray[np.bool_],
        n_classes: int,
        repeats: int,
        seed: int,
    ):
        rng = np.random.default_rng(seed)
        self.code, self.seen, self.K = code, np.flatnonzero(seen), n_classes
        self.rng = rng
        # Bayesian bootstrap (Rubin 1981): no class ever vanishes from a replicate.
        groups, of = np.unique(together[self.seen], return_inverse=True)
        weight = rng.exponential(size=(REPLICATES, len(groups)))
        self.weights = weight[:, of]

    def recalls(self, hits: Float, typical: Float, only: int | None = None) -> tuple[Float, Float]:
        """Return recalls of replicates (B, S, K) and of the repeats on all images (R, S, K).

        Two imagined images of each class are as hard as those of all classes on average
        (``typical``, (S,)): that all images at hand were right does not prove that all are.
        """
        R, S = hits.shape[:2]
        drawn = self.rng.multinomial(R, np.full(R, 1 / R), REPLICATES) / R
        points = np.full((REPLICATES, S, self.K), np.nan)
        by_repeat = np.full((R, S, self.K), np.nan)
        for k in range(self.K) if only is None else (only,):
            mine = self.code[self.seen] == k
            if not mine.any():
                continue
            rows = self.seen[mine]
            w = self.weights[:, mine]
            each = hits[:, :, rows]  # (R, S, m)
            known = ~np.isnan(each)
            value = np.where(known, each, 0)
            sums = np.einsum("bm,rsm->brs", w, value)
            have = np.einsum("bm,rsm->brs", w, known.astype(float))
            imagined = self.rng.gamma(IMAGINED, size=(REPLICATES, 1, 1))
            mean = _ratio(sums + imagined * typical, have + imagined)
            points[:, :, k] = np.nansum(mean * drawn[:, :, None], axis=1)
            by_repeat[:, :, k] = _ratio(value.sum(axis=2), known.sum(axis=2).astype(float))
        return points, by_repeat


def _worth(
    hits: Float,
    code: NDArray[np.int64],
    together: NDArray[np.int64],
    seen: NDArray[np.bool_],
    n_classes: int,
) -> Float:
    """Return how many independent test images those of each class are worth (K,)."""
    rate = np.nanmean(hits[:, seen], axis=0)
    worth = np.zeros(n_classes)
    for k in range(n_classes):
        mine = code[seen] == k
        if mine.any():
            worth[k] = effective_size(rate[mine], together[seen][mine])
    return worth


def _variance(by_repeat: Float) -> Float:
    """Return the variance of the mean over the repeats (S,), apart from common shifts."""
    R, S = by_repeat.shape
    if R < 2:
        return np.full(S, 1e-4)
    apart = by_repeat - by_repeat.mean(axis=1, keepdims=True)
    pooled = apart.var(axis=0, ddof=1) / R
    # Few repeats tell a variance badly: half of it is what all sizes share.
    return np.asarray(0.5 * pooled + 0.5 * pooled.mean())


def _luck(
    hits: Float, code: NDArray[np.int64], scale: float, sizes: Float, before: int, more: int
) -> float:
    """Return the standard deviation of a gain that comes from which labels are drawn.

    From the steps between neighbouring sizes, each repeat's against their mean, less what a
    finite number of test images adds to them. It shrinks with the size of the step and with the
    labels that are there already.

    Parameters
    ----------
    hits : array (R, S, n)
    """
    seen = ~np.isnan(hits).any(axis=(0, 1))
    if len(hits) < 2 or seen.sum() < 2:
        return 0.01
    steps = np.diff(hits[:, :, seen], axis=1)  # (R, S - 1, m)
    weight = 1 / np.bincount(code[seen])[code[seen]]
    weight = weight / weight.sum()
    whole = (steps * weight).sum(axis=2).var(axis=0, ddof=1)
    of_images = (steps.var(axis=0, ddof=1) * weight**2).sum(axis=1)
    unit_step = np.diff(sizes) / (sizes[:-1] * sizes[1:])
    unit = float(np.mean(whole / unit_step))
    noise = float(np.mean(of_images / unit_step))
    # A repeat tests each image once, by one of its five fits: their luck has averaged out. Few
    # repeats tell the noise badly: a third of the whole is taken for luck at least.
    unit = FOLDS * max(unit - noise, unit / 3)
    return scale * float(np.sqrt(unit * more / (before * (before + more))))


def _ahead(
    laws: PowerLaws, measured: int, seen: Band, n: int, lift: Float
) -> list[tuple[int, Band]]:
    """Return the curve from the last measured point on, beginning at what was seen there.

    Nothing ahead is surer than what was measured: where that interval is wider than the laws'
    there, all of them are widened by as much.
    """
    found: list[tuple[int, Band]] = []
    shift = seen.value - float(np.median(laws.at(measured)))
    low, high = 0.0, 0.0
    for at in sorted({measured, *(round(factor * n) for factor in AHEAD)}):
        value = laws.at(min(at, n)) + lift * laws.gain(n, max(at, n))
        value = np.clip(value + shift, 0.0, 1.0)
        band = Band.of(float(np.median(value)), value, 0.95)
        if not found:
            low, high = max(0.0, band.low - seen.low), max(0.0, seen.high - band.high)
        found.append((at, Band(band.value, max(0.0, band.low - low), min(1.0, band.high + high))))
    return found


def _classes(
    ids: NDArray[np.int64],
    code: NDArray[np.int64],
    usable: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    sizes: Sequence[int],
    points: Float,
    by_repeat: Float,
    hits: dict[Any, Float],
    boot: _Bootstrap,
    ratio: Float,
    worth: Float,
    typical: Float,
) -> list[ClassCurve]:
    found = []
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
            mine, repeated = boot.recalls(hits[k], middle, only=k)
            trained = n * (1 - 1 / FOLDS)
            x = np.array([*(max(1, round(t * trained)) for t in THINNED), trained])
            if len(np.unique(x)) == len(x):
                each = repeated[:, :, k]
                scaled = np.clip(1 - ratio[:, None] * (1 - mine[:, :, k]), 0, 1)
                laws = fit_power_laws(x, scaled, _variance(each) * ratio.mean() ** 2, seed=k)
                rise = laws.gain(n, n + NEXT_OF_CLASS)
                gain = Band.of(float(np.median(rise)), rise, LEVEL)
        found.append(ClassCurve(int(class_id), n, tested, recall, gain))
    return found
