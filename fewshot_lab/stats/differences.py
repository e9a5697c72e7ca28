"""How far two shares differ, with an interval: of two sets of images, or of the same images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats.intervals import Z95, Interval, codes, student, wilson

Float = NDArray[np.float64]
UNKNOWN = Interval(float("nan"), -1.0, 1.0, 0)
FOLDS = 5
"""Of a cross-validation."""


def difference(
    first: NDArray[Any],
    second: NDArray[Any],
    groups: tuple[NDArray[Any], NDArray[Any]] | None = None,
    strata: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> Interval:
    """Return the share of hits in the first set less that in the second.

    Newcombe's interval from Wilson's of each share (1998, Statistics in Medicine 17, method 10).
    Groups on either side, or on both, change the number of images each share is worth by as much
    as they change the variance of the difference.

    Parameters
    ----------
    first, second : array (n,), (m,) of bool or 0 and 1
    groups : two arrays, optional
        Patient of each image.
    strata : two arrays, optional
        Kinds of images: differences are taken within a kind and averaged with Mantel and
        Haenszel's weights. Kinds that only one set has are left out.
    """
    hits = [np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)]
    kinds = [np.zeros(len(h), dtype=np.int64) for h in hits]
    if strata is not None:
        kinds = [np.asarray(s) for s in strata]
    shared = [k for k in np.unique(kinds[0]) if (kinds[1] == k).any()]
    n = np.array([[float((side == k).sum()) for k in shared] for side in kinds])
    if not shared:
        return UNKNOWN
    weight = n[0] * n[1] / n.sum(axis=0)
    weight /= weight.sum()
    shares, variances, influences = [], [], []
    for side in (0, 1):
        share = np.array([hits[side][kinds[side] == k].mean() for k in shared])
        smooth = (share * n[side] + 0.5) / (n[side] + 1)
        shares.append(float(weight @ share))
        variances.append(float((weight**2 * smooth * (1 - smooth) / n[side]).sum()))
        influence = np.zeros(len(hits[side]))
        for k, w, p, m in zip(shared, weight, share, n[side], strict=True):
            in_class = kinds[side] == k
            influence[in_class] = w * (hits[side][in_class] - p) / m
        influences.append(influence if side == 0 else -influence)
    factor = 1.0
    if groups is not None:
        factor = _design(np.concatenate(influences), np.concatenate(groups), sum(variances))
    bounds = []
    for p, variance, m in zip(shares, variances, n.sum(axis=1), strict=True):
        middle = (p * m + 0.5) / (m + 1)
        worth = float(middle * (1 - middle) / variance / factor)
        bounds.append(wilson(p * worth, worth))
    a, b = bounds
    value = shares[0] - shares[1]
    low = value - float(np.hypot(a.value - a.low, b.high - b.value))
    high = value + float(np.hypot(a.high - a.value, b.value - b.low))
    return Interval(value, max(-1.0, low), min(1.0, high), int(n.sum()))


def interval_difference(first: Sequence[Interval], second: Sequence[Interval]) -> Interval:
    """Return the mean of some estimates less that of as many others, independent of all of them.

    Its interval combines theirs (MOVER; Zou and Donner 2008, Statistics in Medicine 27); for two
    Wilson intervals it is Newcombe's.

    Parameters
    ----------
    first, second : sequence (k,) of Interval
        Each with an estimate.
    """
    a, b = (np.array([[i.value, i.low, i.high] for i in each]).T for each in (first, second))
    value = float((a[0] - b[0]).mean())
    down = float(np.linalg.norm([a[0] - a[1], b[2] - b[0]])) / len(first)
    up = float(np.linalg.norm([a[2] - a[0], b[0] - b[1]])) / len(first)
    n = sum(i.n for i in second)
    return Interval(value, max(-1.0, value - down), min(1.0, value + up), n)


def paired_difference(
    first: NDArray[Any], second: NDArray[Any], groups: NDArray[Any] | None = None
) -> Interval:
    """Return the share of hits in one of two looks at the same images less that in the other.

    Agresti & Min's interval (2005, Statistics in Medicine 24): half an image added to each of the
    four cells of the two-by-two table.

    Parameters
    ----------
    first, second : array (n,) of bool or 0 and 1
    groups : array (n,), optional
    """
    d = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    n = len(d)
    if not n:
        return UNKNOWN
    changed, gain = float(np.abs(d).sum()) + 1, float(d.sum())
    middle = gain / (n + 2)
    variance = (changed / (n + 2) - middle**2) / (n + 2)
    factor = 1.0
    if groups is not None:
        factor = _design((d - d.mean()) / n, np.asarray(groups), variance)
    half = Z95 * float(np.sqrt(variance * factor))
    return Interval(gain / n, max(-1.0, middle - half), min(1.0, middle + half), n)


def paired_gain(
    y: NDArray[np.int64],
    gain: NDArray[Any],
    groups: NDArray[Any] | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Return by how much one of two ways to classify is better, as balanced accuracy, out of fold.

    Classifiers of different folds share most of their training images, so images alone say too
    little of the doubt: the variance grows by Nadeau & Bengio's factor (2003, Machine Learning
    52). Images that one way alone gets right may not have been labelled yet: one more is counted,
    shared out among the classes.

    Parameters
    ----------
    y : array (n,)
        Class of each image that was held out.
    gain : array (n,)
        Share of the repeats in which the one was right less that of the other, image by image.
    groups : array (n,), optional
        What stayed on one side of every split.
    level : float
        Of the interval: more than 0.95 where several comparisons are made at once.
    """
    from scipy.stats import t

    if not len(y):
        return UNKNOWN
    code = np.unique(y, return_inverse=True)[1]
    n = np.bincount(code)
    mean = np.bincount(code, weights=gain) / n
    influence = (gain - mean[code]) / (len(n) * np.sqrt(n * np.maximum(n - 1, 1)))[code]
    cluster = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(cluster.max()) + 1
    variance = float((np.bincount(cluster, weights=influence) ** 2).sum())
    if groups is not None:
        variance *= units / max(units - 1, 1)
    variance += float((1 / n**2).sum()) / len(n) ** 3
    variance *= 1 + FOLDS / (FOLDS - 1)
    half = float(t.ppf(0.5 + level / 2, max(1, units - len(n))) * np.sqrt(variance))
    value = float(mean.mean())
    return Interval(value, max(-1.0, value - half), min(1.0, value + half), len(y))


def _design(influence: Float, groups: NDArray[Any], variance: float) -> float:
    """Return by what groups multiply the variance, and few of them the square of the quantile."""
    code = codes(groups)
    G = int(code.max()) + 1
    if G < 2:
        return float(len(influence))
    summed = np.bincount(code, weights=influence, minlength=G)
    between = float((summed**2).sum()) * G / (G - 1)
    prior = 0.5 / len(influence) ** 2
    return float((between + prior) / (variance + prior)) * (student(G - 1) / Z95) ** 2


def difference_word(low: float, high: float) -> str:
    """Return what the interval of a difference says, in words."""
    return "better" if low > 0 else "worse" if high < 0 else "not told apart"
