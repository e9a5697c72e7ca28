"""What each way of choosing would have cost in labels, against labelling at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.few_shot_protocol import TEST_SHARE, split_by_group
from fewshot_lab.progress import Progress, silent
from fewshot_lab.sampling import DEFAULT_STRATEGY, STRATEGIES, Suggestion, suggest_by
from fewshot_lab.stats import balanced_accuracy

Float = NDArray[np.float64]
Choose = Callable[..., list[Suggestion]]
"""Chooses as :func:`fewshot_lab.sampling.suggest_by` does."""

STEP = 20
BUDGET = 400
DRAWS = 10
LEAST = 60
"""Labelled images that a replay needs."""
REPLICATES = 2000


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
    plan = plan or ReplayPlan()
    names = tuple(dict.fromkeys(("random", *plan.strategies)))
    for name in names:
        if name not in STRATEGIES:
            raise FewshotLabError(f"{name!r} is no strategy: choose among {', '.join(STRATEGIES)}.")
    others = others or {}
    names += tuple(others)
    ids, count = np.unique(y, return_counts=True)
    ids = ids[count >= TEST_SHARE]
    kept = np.isin(y, ids)
    if len(ids) < 2 or kept.sum() < LEAST:
        raise FewshotLabError(
            f"A replay needs {LEAST} labelled images of two classes at least; there are "
            f"{int(kept.sum())} of {len(ids)}."
        )
    X, code = np.asarray(X)[kept], np.searchsorted(ids, y[kept])
    groups = None if groups is None else np.asarray(groups)[kept]
    least = int(len(code) * (1 - 1 / TEST_SHARE) * 0.8)
    budget = min(plan.budget or BUDGET, least)
    step = plan.step or max(4, min(STEP, budget // 8))
    at = np.arange(step, budget + 1, step)
    if len(at) < 2:
        raise FewshotLabError(
            f"Steps of {step} labels are too long for {budget} labels: give a smaller step."
        )
    curves = {name: np.zeros((plan.draws, len(at))) for name in names}
    done, total = 0, plan.draws * len(names)
    sentence = ""
    with one_blas_thread():
        for draw in range(plan.draws):
            apart = split_by_group(code, groups, plan.seed + draw)
            sentence = apart.sentence
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
        "step": step,
        "budget": int(at[-1]),
        "leak_check": sentence,
        "strategies": _compared(curves, at, plan.draws),
    }


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
            pool.X[known],
            label[known],
            pool=pool,
            rows=known,
            quick=True,
            plain=True,
            check=check,
        )
        probabilities, class_ids = fitted.pool_probabilities(pool), fitted.class_ids
        out[i] = balanced_accuracy(y_test, fitted.predict(X_test))
    return out


def _compared(curves: dict[str, Float], at: NDArray[np.int64], draws: int) -> list[dict[str, Any]]:
    random = curves["random"]
    default = curves.get(DEFAULT_STRATEGY)
    shared = (
        np.random.default_rng(0).multinomial(draws, np.full(draws, 1 / draws), REPLICATES) / draws
    )
    targets = [float(random.mean(axis=0)[int(q * (len(at) - 1))]) for q in (0.4, 0.7, 1.0)]
    rows = []
    for name, curve in curves.items():
        mean = curve.mean(axis=0)
        half = _half(curve)
        area = curve.mean(axis=1)
        cost = []
        for target in dict.fromkeys(round(t, 2) for t in targets):
            needed, base = reached(mean, at, target), reached(random.mean(axis=0), at, target)
            cost.append(
                {
                    "accuracy": target,
                    "labels": _finite(needed),
                    "random": _finite(base),
                    "share": _share(curve, random, shared, at, target),
                }
            )
        rows.append(
            {
                "strategy": name,
                "title": STRATEGIES.get(name, name),
                "curve": [
                    {
                        "labels": int(n),
                        "balanced_accuracy": float(m),
                        "interval": [float(max(0, m - h)), float(min(1, m + h))],
                    }
                    for n, m, h in zip(at, mean, half, strict=True)
                ],
                "area": float(area.mean()),
                "than_random": _difference(curve, random, 1),
                "than_default": None
                if default is None
                else _difference(curve, default, max(1, len(curves) - 1)),
                "cost": cost,
            }
        )
    return rows


def reached(mean: Float, at: NDArray[np.int64], target: float) -> float:
    """Return the labels at which a curve first reaches a target, between fits by line; or NaN."""
    above = np.flatnonzero(mean >= target)
    if not len(above):
        return float("nan")
    i = int(above[0])
    if i == 0:
        return float(at[0])
    share = (target - mean[i - 1]) / (mean[i] - mean[i - 1])
    return float(at[i - 1] + share * (at[i] - at[i - 1]))


def _share(
    curve: Float, random: Float, shared: Float, at: NDArray[np.int64], target: float
) -> dict[str, float] | None:
    """Return the labels needed as a share of random's, with its interval; None where unreached."""
    value = reached(curve.mean(axis=0), at, target) / reached(random.mean(axis=0), at, target)
    if not np.isfinite(value):
        return None
    logs = []
    for a, b in zip(shared @ curve, shared @ random, strict=True):
        ratio = reached(a, at, target) / reached(b, at, target)
        if np.isfinite(ratio):
            logs.append(np.log(ratio))
    if len(logs) < 0.9 * len(shared):
        return None
    spread = np.sqrt(_inflation(len(curve)) * len(curve) / max(1, len(curve) - 1))
    low, high = np.quantile(logs, [0.025, 0.975]) - np.log(value)
    return {
        "value": float(value),
        "low": float(value * np.exp(min(0.0, spread * low))),
        "high": float(value * np.exp(max(0.0, spread * high))),
    }


def _inflation(draws: int) -> float:
    """Return by how much more a mean over overlapping draws varies than over independent ones."""
    return 1 + draws / (TEST_SHARE - 1)


def _half(values: Float, tests: int = 1) -> Float:
    """Return half the width of the 95 % interval of the mean over draws (first axis)."""
    from scipy.stats import t

    draws = len(values)
    if draws < 2:
        return np.full(values.shape[1:], np.nan)
    error = values.std(axis=0, ddof=1) * np.sqrt(_inflation(draws) / draws)
    half: Float = t.ppf(1 - 0.025 / tests, draws - 1) * error
    return half


def _difference(curve: Float, other: Float, tests: int) -> dict[str, float]:
    """Return the difference of two curves' means, paired draw by draw, corrected for `tests`."""
    gap = (curve - other).mean(axis=1)
    middle, half = float(gap.mean()), float(_half(gap[:, None], tests)[0])
    return {"value": middle, "low": middle - half, "high": middle + half}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def verdict(result: dict[str, Any]) -> dict[str, Any]:
    """Return which strategy the evidence is for, and the sentence that says so.

    Another than the default only where it is better beyond doubt (the 95 % interval of the paired
    difference, corrected for the number of strategies, lies above zero).
    """
    rows: Sequence[dict[str, Any]] = result["strategies"]
    by_name = {row["strategy"]: row for row in rows}
    usual = by_name.get(DEFAULT_STRATEGY)
    best = max(rows, key=lambda row: row["area"])
    against = best["than_default"]
    about = f"in {result['draws']} replays of {result['images']:,} labelled images"
    if usual is None or (best is not usual and against["low"] > 0):
        chosen = best["strategy"]
        points = f"{100 * against['value']:.1f} points" if against else ""
        interval = f"{100 * against['low']:.1f}–{100 * against['high']:.1f}" if against else ""
        sentence = (
            f"Suggestions by {STRATEGIES[chosen]}: {points} better on average ({interval}) than "
            f"the usual mixture {about}."
        )
        return {"strategy": chosen, "sentence": sentence}
    gain = usual["than_random"]
    points, low, high = (f"{100 * gain[key]:+.1f}" for key in ("value", "low", "high"))
    sentence = (
        f"Suggestions by {STRATEGIES[DEFAULT_STRATEGY]}: {points} points ({low} to {high}) on "
        f"average against random {about}; no other strategy is better beyond doubt."
    )
    return {"strategy": DEFAULT_STRATEGY, "sentence": sentence.replace("-", "−")}
