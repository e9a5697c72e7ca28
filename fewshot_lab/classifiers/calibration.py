"""Making probabilities mean what they say: a map from out-of-fold scores, and which one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.probability_maps import Isotonic, Map, Sigmoids, Softmax, Vector
from fewshot_lab.classifiers.softmax import softmax
from fewshot_lab.errors import FewshotLabError

Float = NDArray[np.floating[Any]]
Fit = Callable[[Float, NDArray[np.int64], Float], Map]

LOWEST, HIGHEST = 0.02, 50.0
BELIEF = 4.0
"""How many images' worth of belief the first guess of a temperature has."""
PER_CLASS = 5
"""Scored labels that every class needs before sigmoids of its own are tried."""
ISOTONIC_LABELS, ISOTONIC_PER_CLASS = 1000, 50
"""Scored labels from which isotonic maps are tried (Niculescu-Mizil and Caruana 2005, ICML)."""
BIG = 20_000
"""Labels times classes above which one repeat of the cross-validation decides."""
NAMES = {
    "temperature": "one temperature",
    "sigmoid": "a sigmoid per class",
    "shared-sigmoid": "one sigmoid for all classes",
    "isotonic": "an isotonic map per class",
}
QUICK = "Probabilities calibrated by {}; other ways are compared in a moment."
UNMEASURED = (
    "Probabilities calibrated by experience: every class needs a second label before they can be "
    "measured."
)


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities, and why so.

    Attributes
    ----------
    name : str
        "temperature", "sigmoid", "shared-sigmoid" or "isotonic"; "none" where an estimator's own
        probabilities are taken as they are.
    sentence : str
        What was chosen, with its figure.
    losses : dict
        Log loss of each map on scores it was not fitted on; empty where none could be measured.
    """

    name: str
    sentence: str
    losses: Mapping[str, float]


def calibrate(
    scores: Float,
    y: NDArray[np.int64],
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    weights: Float,
    first: tuple[str, Fit],
    *,
    method: str = "auto",
    quick: bool = False,
) -> tuple[float, Map, Float, Calibration]:
    """Choose a map by its log loss out of fold, and fit it on all scores.

    Each map is fitted on the scores of all folds but one and judged on that one. A richer map
    than the first must gain more than the standard error of its gain, over groups.

    Parameters
    ----------
    scores : array (R, n, K)
        Out-of-fold scores of each repeat, NaN where never held out.
    y : array (n,)
        Class index.
    folds : array (R, n)
        The fold each image was held out in, -1 for none; they respect the groups.
    groups : array (n,)
    weights : array (n,)
    first : (name, fit)
        The map to start from.
    method : str
        "auto", or the name of a map.
    quick : bool
        Take the first map and judge none.

    Returns
    -------
    float
        What the scores are divided by before the map.
    Map
    array (R, n, K)
        Probabilities by maps that did not see the image's own fold.
    Calibration
    """
    R, n, K = scores.shape
    scored = ~np.isnan(scores[:, :, 0])
    share = weights / np.float32(R)
    pooled_y, pooled_weights = np.tile(y, (R, 1))[scored], np.tile(share, (R, 1))[scored]
    name, fit = first
    fitted = fit(scores[scored], pooled_y, pooled_weights)
    scale = 1.0
    richer: dict[str, Fit] = {"sigmoid": Sigmoids.fit}
    if isinstance(fitted, Softmax):
        # The richer maps start from what the temperature makes of the scores.
        scale, richer = fitted.temperature, {"sigmoid": Vector.fit, "isotonic": Isotonic.fit}
    scaled = scores / np.float32(scale)
    if quick:
        out = np.full_like(scores, np.nan)
        out[scored] = fitted(scores[scored])
        final = Softmax(1.0) if isinstance(fitted, Softmax) else fitted
        return scale, final, out, Calibration(name, QUICK.format(_what(name, scale)), {})
    counts = np.bincount(y[scored.any(axis=0)], minlength=K)
    if counts.min() < PER_CLASS:
        richer.clear()
    elif counts.sum() < ISOTONIC_LABELS or counts.min() < ISOTONIC_PER_CLASS:
        richer.pop("isotonic", None)
    if method not in ("auto", name, *richer):
        raise FewshotLabError(
            f"Calibration by {NAMES.get(method, method)} is not possible with these labels and "
            f"this classifier; possible: {', '.join((name, *richer))}."
        )
    repeats = R if n * K <= BIG else 1
    crossed = {name: _crossed(scores[:repeats], y, folds, weights, fit)}
    for other, rich in richer.items():
        crossed[other] = _crossed(scaled[:repeats], y, folds, weights, rich)
    losses = {each: _losses(p, y) for each, p in crossed.items()}
    w = np.where(scored[:repeats].any(axis=0), weights, 0)
    chosen = name
    if w.sum():
        means = {each: float(np.average(loss, weights=w)) for each, loss in losses.items()}
        best = min(means, key=lambda each: means[each])
        gain = losses[name] - losses[best]
        if method != "auto":
            chosen = method
        elif means[name] - means[best] > _noise(gain, w, groups):
            chosen = best
    if chosen != name:
        fitted = richer[chosen](scaled[scored], pooled_y, pooled_weights)
    out = crossed[chosen]
    if repeats < R:
        rest = (scores[1:], fit) if chosen == name else (scaled[1:], richer[chosen])
        out = np.concatenate([out, _crossed(rest[0], y, folds[1:], weights, rest[1])])
    if isinstance(fitted, Softmax):
        fitted = Softmax(1.0)
    sentence = _sentence(chosen, scale, means, method) if w.sum() else UNMEASURED
    return scale, fitted, out, Calibration(chosen, sentence, means if w.sum() else {})


def _losses(p: Float, y: NDArray[np.int64]) -> Float:
    """Return the log loss of each image (n,), mean over the repeats; 0 where never held out."""
    own = p[:, np.arange(len(y)), y]
    seen = ~np.isnan(own)
    loss = np.where(seen, -np.log(np.maximum(np.where(seen, own, 1), 1e-12)), 0)
    mean: Float = loss.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return mean


def _crossed(
    scores: Float, y: NDArray[np.int64], folds: NDArray[np.int64], weights: Float, fit: Fit
) -> Float:
    """Return probabilities (R, n, K) by maps fitted on the other folds of the same repeat."""
    out = np.full_like(scores, np.nan)
    for r in range(len(scores)):
        known = ~np.isnan(scores[r, :, 0])
        for f in np.unique(folds[r][known]):
            in_fold = known & (folds[r] == f)
            others = known & (folds[r] != f)
            out[r, in_fold] = fit(scores[r, others], y[others], weights[others])(scores[r, in_fold])
    return out


def _noise(gain: Float, w: Float, groups: NDArray[np.int64]) -> float:
    """Return the standard error of a weighted mean over groups."""
    mean = float(np.average(gain, weights=w))
    sums = np.bincount(groups, w * (gain - mean))
    G = max(int((np.bincount(groups, w) > 0).sum()), 2)
    return float(np.sqrt((sums**2).sum() * G / (G - 1)) / w.sum())


def _what(chosen: str, scale: float) -> str:
    return NAMES[chosen] + (f" ({scale:.2f})" if chosen == "temperature" else "")


def _sentence(chosen: str, scale: float, means: Mapping[str, float], method: str) -> str:
    what = _what(chosen, scale)
    sentence = f"Probabilities calibrated by {what}: log loss {means[chosen]:.3f} out of fold"
    others = [f"{NAMES[name]} {loss:.3f}" for name, loss in means.items() if name != chosen]
    if others:
        sentence += f" ({', '.join(others)})"
    return f"{sentence}{', as chosen by hand' if method != 'auto' else ''}."


def no_surer(temperature: float, scores: Float, y: NDArray[np.int64], weights: Float) -> float:
    """Return the least temperature from this one on that is no surer than its record.

    With few labels, all told right out of fold, the least log loss is at no temperature at all.
    The mean confidence may be at most what the rule of succession (Laplace 1774) makes of m images
    and the h told right, ``(h + 1) / (m + 2)``.

    Parameters
    ----------
    temperature : float
    scores : array (m, K)
        Out-of-fold scores.
    y : array (m,)
        Class index of each.
    weights : array (m,)
        They add up to the number of images.
    """
    if not len(y):
        return temperature
    m = float(weights.sum())
    limit = (float(weights @ (scores.argmax(axis=1) == y)) + 1) / (m + 2)

    def surer(temperature: float) -> bool:
        p = softmax(scores / np.float32(temperature))
        return float(weights @ p.max(axis=1)) > limit * m

    if not surer(temperature):
        return temperature
    low, high = temperature, 2 * temperature
    while surer(high) and high < HIGHEST:
        low, high = high, 2 * high
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if surer(middle) else (low, middle)
    return high


def log_loss(scores: Float, y: NDArray[np.int64], weights: Float, temperature: float) -> float:
    """Return the weighted mean cross-entropy of ``softmax(scores / temperature)``."""
    S = np.ascontiguousarray(scores.T) / np.float32(temperature)
    S -= S.max(axis=0)
    own = S[y, np.arange(len(y))]
    return float(np.average(np.log(np.exp(S, out=S).sum(axis=0)) - own, weights=weights))


def fit_temperature(
    scores: Float, y: NDArray[np.int64], weights: Float, *, guess: float = 1.0
) -> float:
    """Return the temperature with the least weighted log loss (Guo et al. 2017, ICML).

    Parameters
    ----------
    scores : array (m, K)
        Out-of-fold scores.
    y : array (m,)
        Class index of each.
    weights : array (m,)
    guess : float
        Believed in as much as :data:`BELIEF` images say: with few labels the temperature stays
        near it.

    Returns
    -------
    float
        ``guess`` where there is no score at all.
    """
    if not len(y):
        return guess
    S = np.ascontiguousarray(scores.T, dtype=np.float64)
    S -= S.max(axis=0)
    own = S[y, np.arange(len(y))]
    inverse, believed = 1 / guess, float(np.log(guess))
    lowest, highest = 1 / HIGHEST, 1 / LOWEST
    # The loss is convex in u = 1 / T; Newton's method on log u, the belief added, kept in a
    # bracket that every step narrows.
    for _ in range(25):
        E = np.exp(inverse * S)
        E /= E.sum(axis=0)
        mean = np.einsum("kn,kn->n", E, S)
        spread = np.maximum(np.einsum("kn,kn->n", E, S * S) - mean**2, 0)
        slope = inverse * float(weights @ (mean - own))
        bend = inverse**2 * float(weights @ spread)
        off = np.log(inverse) + believed
        slope += BELIEF * off
        bend += BELIEF
        if slope > 0:
            highest = inverse
        else:
            lowest = inverse
        if abs(slope) < 1e-3 * bend:
            break
        # The curvature of the loss in log u, without the part that may be negative.
        proposal = inverse * float(np.exp(np.clip(-slope / bend, -1.5, 1.5)))
        inverse = proposal if lowest < proposal < highest else float(np.sqrt(lowest * highest))
    return float(1 / inverse)
