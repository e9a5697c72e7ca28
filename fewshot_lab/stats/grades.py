"""Figures of ordered classes: an error by two grades is worse than one by a single grade."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats.agreement import UNKNOWN, _Parts, kappa_interval
from fewshot_lab.stats.intervals import Interval, codes, effective_size, share_of_groups
from fewshot_lab.stats.reliability import bins_for, calibration_error

Float = NDArray[np.float64]


@dataclass(frozen=True)
class AtLeast:
    """Whether "at least grade k" comes true as often as it is said.

    Attributes
    ----------
    grade : int
        1 to K - 1.
    expected : float
        Its mean probability.
    observed : Interval
        The share of images of that grade or a higher one.
    error : Interval
        The expected calibration error of its probability.
    """

    grade: int
    expected: float
    observed: Interval
    error: Interval


def quadratic_kappa(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    grades: int,
    groups: NDArray[Any] | None = None,
) -> Interval:
    """Return the quadratic-weighted kappa of two sets of grades of the same images.

    Cohen 1968, Psychological Bulletin 70: a disagreement counts by the square of its grades. The
    interval is that of :func:`fewshot_lab.stats.cohen_kappa` with weights in its influence
    function (Fleiss, Cohen & Everitt 1969, Psychological Bulletin 72).

    Parameters
    ----------
    first, second : array (n,) of int
        Grades, 0 to ``grades`` - 1.
    groups : array (n,), optional

    Returns
    -------
    Interval
        NaN with the whole range where there is no image, or only one grade was used.
    """
    if not len(first):
        return Interval(float("nan"), *UNKNOWN, 0)
    own, weights = np.eye(grades), _weights(grades)
    p, q = own[first].mean(axis=0), own[second].mean(axis=0)
    moved = (weights @ q)[first] + (weights @ p)[second]
    return _kappa(weights[first, second], moved, p, q, weights, groups)


def quadratic_agreement(counts: NDArray[Any], groups: NDArray[Any] | None = None) -> Interval:
    """Return the quadratic-weighted kappa among any number of annotators.

    Fleiss' kappa with quadratic weights (Gwet 2014, Handbook of Inter-Rater Reliability, 4th ed.,
    chapter 3).

    Parameters
    ----------
    counts : array (n, K)
        How many gave each grade to each image; those with fewer than two labels are left out.
    groups : array (n,), optional
    """
    counts = np.asarray(counts, dtype=np.float64)
    several = counts.sum(axis=1) >= 2
    counts = counts[several]
    groups = None if groups is None else np.asarray(groups)[several]
    K = counts.shape[1]
    if not len(counts):
        return Interval(float("nan"), *UNKNOWN, 0)
    n = counts.sum(axis=1, keepdims=True)
    weights = _weights(K)
    differ = ((counts @ weights) * counts / (n * (n - 1))).sum(axis=1)
    p = (counts / n).mean(axis=0)
    moved = 2 * (counts / n) @ weights @ p
    return _kappa(differ, moved, p, p, weights, groups)


def _weights(grades: int) -> Float:
    at = np.arange(grades) / max(grades - 1, 1)
    return np.asarray((at[:, None] - at) ** 2)


def _kappa(
    differ: Float, moved: Float, p: Float, q: Float, weights: Float, groups: NDArray[Any] | None
) -> Interval:
    observed, expected = np.asarray(differ.mean()), np.asarray(p @ weights @ q)
    if not expected > 1e-12:
        return Interval(float("nan"), *UNKNOWN, len(differ))
    influence = (observed / expected * (moved - 2 * expected) - (differ - observed)) / expected
    code = None if groups is None else codes(groups)
    units = len(differ) if code is None else int(code.max()) + 1
    # What is linear in the images is less than the whole where they are few; by simulation.
    influence = influence * np.sqrt(units / max(units - 3, 1))
    return kappa_interval(_Parts(observed, expected, influence), code, _unit(differ, weights))


def _unit(differ: Float, weights: Float) -> float:
    """Return what an image that disagrees counts for: as those that do, one by a single grade."""
    least = float(weights[0, 1]) if len(weights) > 1 else 1.0
    some = differ[differ > 0]
    return float((some.sum() + least) / (len(some) + 1))


def grade_error(
    y: NDArray[np.int64],
    predicted: NDArray[np.int64],
    grades: int,
    groups: NDArray[Any] | None = None,
) -> Interval:
    """Return the mean absolute error in grades.

    The interval is Wilson's for the error as a share of the largest possible one, at the number
    of images that has its variance (see :func:`fewshot_lab.stats.agreement.limits`).

    Parameters
    ----------
    y, predicted : array (n,) of int
        Grades, 0 to ``grades`` - 1.
    groups : array (n,), optional
    """
    most = max(grades - 1, 1)
    if not len(y):
        return Interval(float("nan"), 0.0, float(most), 0)
    differ = np.abs(y - predicted) / most
    observed = np.asarray(differ.mean())
    parts = _Parts(observed, np.asarray(1.0), observed - differ)
    some = differ[differ > 0]
    unit = float((some.sum() + 1 / most) / (len(some) + 1))
    agreement = kappa_interval(parts, None if groups is None else codes(groups), unit)
    low, high = (1 - agreement.high) * most, (1 - agreement.low) * most
    value = float(observed) * most
    return Interval(value, max(0.0, low), min(float(most), high), len(y))


def at_least(
    y: NDArray[np.int64], probabilities: NDArray[Any], groups: NDArray[np.int64]
) -> tuple[AtLeast, ...]:
    """Return the calibration of "at least grade k" for each grade but the lowest.

    Parameters
    ----------
    y : array (n,) of int
    probabilities : array (n, K)
        Columns by rising grade.
    groups : array (n,) of int
    """
    tails = probabilities.astype(np.float64)[:, ::-1].cumsum(axis=1)[:, ::-1]
    out = []
    for k in range(1, probabilities.shape[1]):
        p, came = np.clip(tails[:, k], 0.0, 1.0), y >= k
        size = effective_size(came.astype(np.float64), groups)
        error, _ = calibration_error(p, came, groups, bins_for(size))
        out.append(AtLeast(k, float(p.mean()), share_of_groups(came, groups), error))
    return tuple(out)
