"""Whether images with a probability of 0.8 turn out right four times in five."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats.evidence import Evidence
from fewshot_lab.stats.intervals import Interval, effective_size, share_of_groups

Float = NDArray[np.floating[Any]]

MOST_BINS, PER_BIN = 10, 20
DRAWS = 1000


@dataclass(frozen=True)
class Bin:
    """Images of similar confidence.

    Attributes
    ----------
    confidence : float
        Their mean.
    accuracy : Interval
        The share that was right.
    """

    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Reliability:
    """The reliability diagram, and the expected calibration error.

    Attributes
    ----------
    bins : tuple of Bin
        Of equal numbers of images, by rising confidence.
    error : Interval
        The expected calibration error with what chance alone would make of it taken away.
    plain : float
        The same as it is usually computed: too high with few images.
    confidence, accuracy : float
        Means over all images.
    """

    bins: tuple[Bin, ...]
    error: Interval
    plain: float
    confidence: float
    accuracy: float


def reliability(evidence: Evidence, *, seed: int = 0) -> Reliability:
    """Return the reliability diagram of the most probable class.

    Bins hold equal numbers of images: one for every 20 (independent ones), 3 to 10 of them.
    """
    confidence, right = evidence.confidence, evidence.right
    n = len(evidence)
    order = np.argsort(confidence, kind="stable")
    size = effective_size(right.astype(np.float64), evidence.groups)
    count = bins_for(size)
    bins = []
    for rows in np.array_split(order, min(count, n)):
        accuracy = share_of_groups(right[rows], evidence.groups[rows])
        bins.append(Bin(float(confidence[rows].mean()), accuracy))
    error, plain = calibration_error(confidence, right, evidence.groups, count, seed=seed)
    return Reliability(tuple(bins), error, plain, float(confidence.mean()), float(right.mean()))


def bins_for(size: float) -> int:
    """Return how many bins a number of independent images fills."""
    return int(np.clip(round(size / PER_BIN), 3, MOST_BINS))


def calibration_error(
    confidence: Float,
    right: NDArray[np.bool_],
    groups: NDArray[np.int64],
    bins: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Interval, float]:
    """Return the expected calibration error with its interval, and its plain value.

    The error (Naeini et al. 2015, AAAI) is the mean distance between confidence and accuracy over
    bins of equal size. Its plain estimate adds up the noise of every bin and is too high (Bröcker
    2012; Roelofs et al. 2022, AISTATS). So the interval is found by inversion: which errors, were
    they the true ones, would give the plain value that was seen between the 2.5 and 97.5
    percentiles of what chance makes of them; the estimate is the one for which it is the median.
    Chance: normal noise in the bins, its covariance over groups, never less than of independent
    images. The true errors differ over the bins as the seen ones do, less the part of their
    differences that noise explains (empirical Bayes). It is conservative where the true error is
    next to 0, since no interval can then miss on both sides. A value below what chance makes of no
    error at all would rule out every error; then those are left out that make it 40 times rarer
    than no error does (CLs: Read 2002, J. Phys. G 28, 2693).

    Parameters
    ----------
    confidence, right, groups : array (n,)
    bins : int
    """
    n = len(confidence)
    bins = max(1, min(bins, n))
    place = np.empty(n, dtype=np.int64)
    order = np.argsort(confidence, kind="stable")
    for b, rows in enumerate(np.array_split(order, bins)):
        place[rows] = b
    count = np.bincount(place, minlength=bins)
    gap = right - confidence
    offset = np.bincount(place, gap, minlength=bins) / n
    plain = float(np.abs(offset).sum())
    noise = _noise(gap, right, groups, place, count, offset)
    shape = _shape(offset, np.diag(noise), count / n)
    size = float(np.abs(shape).sum())
    if size < 1e-9:
        shape, size = count / n, 1.0
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((draws, bins)) @ np.linalg.cholesky(noise + 1e-15 * np.eye(bins)).T
    freedom = max(len(np.unique(groups)) - bins, 2)
    Z *= np.sqrt(freedom / rng.chisquare(freedom, (draws, 1)))
    most = min(1.0, plain + 5 * float(np.sqrt(noise.sum())) + 0.05)
    truths = np.linspace(0, most, 101)
    seen = np.abs((truths / size)[:, None, None] * shape + Z).sum(axis=2)
    low, middle, high = np.quantile(seen, [0.025, 0.5, 0.975], axis=1)
    fits = truths[(low <= plain) & (plain <= high)]
    value = float(np.interp(plain, np.maximum.accumulate(middle), truths))
    if not len(fits):
        as_low = (seen <= max(plain, seen[0].min())).mean(axis=1)
        fits = truths[as_low >= 0.025 * as_low[0]]
    return Interval(value, min(value, fits.min()), max(value, fits.max()), n), plain


def _noise(
    gap: Float,
    right: NDArray[np.bool_],
    groups: NDArray[np.int64],
    place: NDArray[np.int64],
    count: NDArray[np.int64],
    offset: Float,
) -> Float:
    """Return the covariance (bins, bins) of the offsets, over groups."""
    n, bins = len(gap), len(count)
    _, code = np.unique(groups, return_inverse=True)
    G = int(code.max()) + 1
    sums = np.bincount(
        code * bins + place, (gap - (offset * n / count)[place]) / n, minlength=G * bins
    ).reshape(G, bins)
    noise: Float = sums.T @ sums * (G / max(G - 1, 1))
    # That all of a bin were right is no proof of no noise.
    smooth = (np.bincount(place, right, minlength=bins) + 0.5) / (count + 1)
    least = smooth * (1 - smooth) * count / n**2
    diagonal = np.diag_indices(bins)
    noise[diagonal] = np.maximum(noise[diagonal], least)
    return noise


def _shape(offset: Float, noise: Float, share: Float) -> Float:
    """Return the offsets, their differences shrunk by what noise explains of them."""
    gap, variance = offset / share, noise / share**2
    spread = 0.0
    for _ in range(20):  # Paule and Mandel 1982: the spread for which the differences are as seen
        weight = 1 / (variance + spread)
        mean = float((weight * gap).sum() / weight.sum())
        excess = float((weight * (gap - mean) ** 2).sum()) - (len(gap) - 1)
        steep = max(float((weight**2 * (gap - mean) ** 2).sum()), 1e-12)
        spread = max(0.0, spread + excess / steep)
    return np.asarray(share * (mean + spread / (spread + variance) * (gap - mean)))
