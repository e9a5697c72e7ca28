"""What each strategy would have cost in labels, by the curves of a replay; and which is best."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.few_shot_protocol import TEST_SHARE
from fewshot_lab.sampling import DEFAULT_STRATEGY, STRATEGIES

Float = NDArray[np.float64]

REPLICATES = 2000


def compare_strategies(curves: dict[str, Float], at: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return each strategy's curve, its area against random's and the default's, and its cost.

    Parameters
    ----------
    curves : dict of str to array (draws, steps)
        Balanced accuracy by strategy; "random" is among them.
    at : array (steps,) of int
        Labels at each step.
    """
    random, default = curves["random"], curves.get(DEFAULT_STRATEGY)
    draws, usual = len(random), random.mean(axis=0)
    weights = (
        np.random.default_rng(0).multinomial(draws, np.full(draws, 1 / draws), REPLICATES) / draws
    )
    targets = [float(usual[int(q * (len(at) - 1))]) for q in (0.4, 0.7, 1.0)]
    rows = []
    for name, curve in curves.items():
        mean = curve.mean(axis=0)
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
                    for n, m, h in zip(at, mean, _half(curve), strict=True)
                ],
                "area": float(curve.mean(axis=1).mean()),
                "than_random": _difference(curve, random, 1),
                "than_default": None
                if default is None
                else _difference(curve, default, max(1, len(curves) - 1)),
                "cost": [
                    {
                        "accuracy": target,
                        "labels": _finite(reached(mean, at, target)),
                        "random": _finite(reached(usual, at, target)),
                        "share": _share(curve, random, weights, at, target),
                    }
                    for target in dict.fromkeys(round(t, 2) for t in targets)
                ],
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
    curve: Float, random: Float, weights: Float, at: NDArray[np.int64], target: float
) -> dict[str, float] | None:
    """Return the labels needed as a share of random's, with its interval; None where unreached."""
    value = reached(curve.mean(axis=0), at, target) / reached(random.mean(axis=0), at, target)
    if not np.isfinite(value):
        return None
    logs = []
    for a, b in zip(weights @ curve, weights @ random, strict=True):
        ratio = reached(a, at, target) / reached(b, at, target)
        if np.isfinite(ratio):
            logs.append(np.log(ratio))
    if len(logs) < 0.9 * len(weights):
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
        f"average against random {about}; no other strategy is clearly better."
    )
    return {"strategy": DEFAULT_STRATEGY, "sentence": sentence.replace("-", "−")}
