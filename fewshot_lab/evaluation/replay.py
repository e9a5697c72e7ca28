"""Known images labelled again by each strategy, as if none were known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.few_shot_protocol import TEST_SHARE, split_by_group
from fewshot_lab.evaluation.strategy_comparison import compare_strategies
from fewshot_lab.progress import Progress, silent
from fewshot_lab.sampling import STRATEGIES, Suggestion, suggest_by
from fewshot_lab.stats import balanced_accuracy

Float = NDArray[np.float64]
Choose = Callable[..., list[Suggestion]]
"""Chooses as :func:`fewshot_lab.sampling.suggest_by` does."""

STEP = 20
BUDGET = 400
DRAWS = 10
LEAST = 60
"""Labelled images that a replay needs."""


@dataclass(frozen=True)
class ReplayPlan:
    """What is replayed.

    Attributes
    ----------
    strategies : tuple of str
        "random" is always among them.
    draws : int
        Times that other images are set apart for testing, and all strategies begin anew.
    budget : int or None
        Labels given in each draw; 400 or nearly all there are by default.
    step : int or None
        Labels between two fits.
    seed : int
    """

    strategies: tuple[str, ...] = tuple(STRATEGIES)
    draws: int = DRAWS
    budget: int | None = None
    step: int | None = None
    seed: int = 0


def replay(
    X: NDArray[Any],
    y: NDArray[np.int64],
    groups: NDArray[Any] | None = None,
    plan: ReplayPlan | None = None,
    *,
    others: Mapping[str, Choose] | None = None,
    progress: Progress = silent,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Label known images again by each strategy, as if none were known, and say what it cost.

    Every draw sets a third of the images apart (whole groups), starts with no label, and lets
    each strategy choose batches from the rest; after each batch the same classifier is fitted and
    tested on what was set apart. All strategies see the same draws.

    Draws of the same images are not independent: the variance of a mean over them is multiplied
    by ``1 + draws * test / train`` (Nadeau & Bengio 2003, Machine Learning 52), without which the
    intervals would say more than the images can.

    Parameters
    ----------
    X : array (n, d)
        Embeddings, or their leading components.
    y : array (n,)
        Class ids.
    groups : array (n,), optional
    plan : ReplayPlan, optional
    others : mapping, optional
        Further strategies by name, called as :func:`fewshot_lab.sampling.suggest_by` is.
    progress
        Stage "replaying": runs done of all.
    check
        Called between steps; it may wait or raise.

    Returns
    -------
    dict
        ``strategies``: for each its ``curve`` (labels, balanced accuracy, interval), ``area`` (the
        mean over the curve) with its paired ``than_random`` and ``than_default``, and ``cost``:
        labels needed for some accuracies, as a share of what random needs, with intervals.

    Raises
    ------
    FewshotLabError
        With fewer than 60 images or two classes, or for an unknown strategy.
    """
    plan, others = plan or ReplayPlan(), others or {}
    names = (*_strategies(plan), *others)
    ids, count = np.unique(y, return_counts=True)
    ids = ids[count >= TEST_SHARE]
    used = np.isin(y, ids)
    if len(ids) < 2 or used.sum() < LEAST:
        raise FewshotLabError(
            f"A replay needs {LEAST} labelled images of two classes at least; there are "
            f"{int(used.sum())} of {len(ids)}."
        )
    X, code = np.asarray(X)[used], np.searchsorted(ids, y[used])
    groups = None if groups is None else np.asarray(groups)[used]
    at = _label_counts(plan, len(code))
    curves = {name: np.zeros((plan.draws, len(at))) for name in names}
    done, total = 0, plan.draws * len(names)
    with one_blas_thread():
        for draw in range(plan.draws):
            apart = split_by_group(code, groups, plan.seed + draw)
            pool = Pool(X[apart.rest])
            codes = (
                None if groups is None else np.unique(groups[apart.rest], return_inverse=True)[1]
            )
            for name in names:
                progress("replaying", done, total)
                check()
                curves[name][draw] = _labelled(
                    name,
                    others.get(name, suggest_by),
                    pool, code[apart.rest], X[apart.test], code[apart.test], codes, at,
                    seed=1000 * (plan.seed + draw), check=check,
                )  # fmt: skip
                done += 1
    progress("replaying", total, total)
    return {
        "images": len(code),
        "test_images": len(apart.test),
        "classes": len(ids),
        "draws": plan.draws,
        "step": int(at[0]),
        "budget": int(at[-1]),
        "leak_check": apart.sentence,
        "strategies": compare_strategies(curves, at),
    }


def _strategies(plan: ReplayPlan) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(("random", *plan.strategies)))
    for name in names:
        if name not in STRATEGIES:
            raise FewshotLabError(
                f"{name!r} is not a strategy: choose among {', '.join(STRATEGIES)}."
            )
    return names


def _label_counts(plan: ReplayPlan, n: int) -> NDArray[np.int64]:
    """Return after how many labels there is a fit."""
    budget = min(plan.budget or BUDGET, int(n * (1 - 1 / TEST_SHARE) * 0.8))
    step = plan.step or max(4, min(STEP, budget // 8))
    at = np.arange(step, budget + 1, step)
    if len(at) < 2:
        raise FewshotLabError(
            f"Steps of {step} labels are too long for {budget} labels: give a smaller step."
        )
    return at


def _labelled(
    strategy: str,
    choose: Choose,
    pool: Pool,
    truth: NDArray[np.int64],
    X_test: NDArray[Any],
    y_test: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    at: NDArray[np.int64],
    *,
    seed: int,
    check: Callable[[], None],
) -> Float:
    """Return the balanced accuracy after each batch."""
    n_classes = int(max(truth.max(), y_test.max())) + 1
    label = np.full(len(pool), -1, dtype=np.int64)
    ids = [str(i) for i in range(len(pool))]
    probabilities, class_ids = None, np.empty(0, dtype=np.int64)
    out = np.full(len(at), 1 / n_classes)
    for i, n in enumerate(at):
        column = {int(c): k for k, c in enumerate(class_ids)}
        labelled = np.array([column.get(int(c), 0) if c >= 0 else -1 for c in label])
        suggestions = choose(
            strategy,
            pool,
            ids,
            labelled=labelled,
            eligible=label < 0,
            probabilities=probabilities,
            class_ids=class_ids.tolist(),
            names=[str(c) for c in class_ids],
            groups=groups,
            n=int(n) - int((label >= 0).sum()),
            seed=seed + i,
        )
        rows = np.array([int(s.image_id) for s in suggestions], dtype=np.int64)
        short = int(n) - int((label >= 0).sum()) - len(rows)
        if short > 0:
            # Near-duplicates and quotas leave fewer than asked: chance fills up.
            rest = np.setdiff1d(np.flatnonzero(label < 0), rows)
            more = np.random.default_rng(seed + i).permutation(rest)[:short]
            rows = np.concatenate([rows, more])
        label[rows] = truth[rows]
        known = np.flatnonzero(label >= 0)
        if len(np.unique(label[known])) < 2:
            continue
        fitted = fit(
            pool.X[known], label[known], pool=pool, rows=known, quick=True, plain=True, check=check
        )
        probabilities, class_ids = fitted.pool_probabilities(pool), fitted.class_ids
        out[i] = balanced_accuracy(y_test, fitted.predict(X_test))
    return out
