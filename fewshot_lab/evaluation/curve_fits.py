"""The fits of a learning curve: what each learns from, what it is asked, and how it did."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, leak_groups, stratified_folds

Float = NDArray[np.float64]
Rows = NDArray[np.int64]

FRACTIONS = (0.3, 0.42, 0.58, 0.78, 1.0)
THINNED = (0.35, 0.6)
FOLDS = 5


@dataclass
class Fits:
    """Fits to make: what each learns from and what it is asked."""

    train: list[NDArray[np.bool_]] = field(default_factory=list)
    test: list[NDArray[np.bool_]] = field(default_factory=list)
    what: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, what: tuple[Any, ...], train: NDArray[np.bool_], test: NDArray[np.bool_]) -> None:
        """Add a fit; ``what`` is how :func:`hits_of` knows it."""
        self.what.append(what)
        self.train.append(train)
        self.test.append(test)


def together_of(pool: Pool, rows: Rows, groups: NDArray[Any] | None) -> NDArray[np.int64]:
    """Return a number for what must stay on one side: a group, with its near-duplicates."""
    Z = pool.rotated[rows]
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    unit = Z / np.where(length == 0, 1, length)
    return leak_groups(unit, None if groups is None else groups.astype(object))


def apart(
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
        of_class = rng.permutation(np.flatnonzero(code == k))
        place[of_class] = (np.arange(len(of_class)) + rng.random(len(of_class))) / len(of_class)
    return np.argsort(place, kind="stable")


def plan_fits(
    code: NDArray[np.int64],
    together: NDArray[np.int64],
    usable: NDArray[np.bool_],
    audit: NDArray[np.bool_],
    repeats: int,
    seed: int,
) -> tuple[Fits, list[int]]:
    """Return all fits of the curve, and the sizes of the subsets that they learn from.

    Of every repeat and fold: growing parts of what is not left out, the same with one class
    thinned (in half of the repeats), and all of it.
    """
    plan = Fits()
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
                of_class = ordered[code[ordered] == k]
                for t, share in enumerate(THINNED):
                    mask = full.copy()
                    mask[of_class[max(1, round(share * len(of_class))) :]] = False
                    plan.add(("class", r, int(k), t, f), mask, test & (code == k))
            plan.add(("full", r, f), full, test)
    return plan, sizes


def hits_of(
    plan: Fits,
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
    times: dict[Any, Float] = {}

    def put(key: Any, shape: tuple[int, int], r: int, s: int, row: Float) -> None:
        if key not in total:
            total[key], times[key] = np.zeros((*shape, n)), np.zeros((*shape, n))
        known = ~np.isnan(row) & tests
        total[key][r, s, known] += row[known]
        times[key][r, s, known] += 1

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
    return {key: ratio_of(total[key], times[key]) for key in total}


def ratio_of(a: Float, b: Float) -> Float:
    """Return a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
