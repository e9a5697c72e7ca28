"""How far annotators agree: kappas with intervals, for two or more, with groups or without."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats.intervals import Interval, codes, share_of_groups

Float = NDArray[np.float64]
UNKNOWN = (-1.0, 1.0)


class _Parts(NamedTuple):
    """A kappa as 1 - observed / expected disagreement; leading axes are independent samples."""

    observed: Float  # (...,)
    expected: Float  # (...,)
    influence: Float  # (..., n): by how much each image moves it; sums to 0


def cohen_kappa(
    first: NDArray[Any], second: NDArray[Any], groups: NDArray[Any] | None = None
) -> Interval:
    """Return Cohen's kappa of two annotators, or of one who has labelled twice.

    Cohen 1960, Educational and Psychological Measurement 20. The interval comes from its
    influence function, whose variance without groups is that of Fleiss, Cohen & Everitt (1969,
    Psychological Bulletin 72); see :func:`kappa_interval`.

    Parameters
    ----------
    first, second : array (n,)
        What each said of the same images, any values.
    groups : array (n,), optional
        Patient of each image: those of one do not count as independent.

    Returns
    -------
    Interval
        NaN with the whole range where there is no image, or only one class was used.
    """
    if not len(first):
        return Interval(float("nan"), *UNKNOWN, 0)
    code = codes(np.concatenate([first, second]))
    K = int(code.max(initial=0)) + 1
    own = np.eye(K)
    parts = cohen_parts(own[code[: len(first)]], own[code[len(first) :]])
    return kappa_interval(parts, _grouped(groups, len(first)))


def fleiss_kappa(counts: NDArray[Any], groups: NDArray[Any] | None = None) -> Interval:
    """Return Fleiss' kappa of any number of annotators, each image labelled by two or more.

    Fleiss 1971, Psychological Bulletin 76; where images have different numbers of labels, its
    generalisation (Gwet 2014, Handbook of Inter-Rater Reliability, 4th ed., chapter 2), which
    with equal numbers is the same. Images with one label are left out.

    Parameters
    ----------
    counts : array (n, K)
        How many said each class of each image.
    groups : array (n,), optional
    """
    counts = np.asarray(counts, dtype=np.float64)
    several = counts.sum(axis=1) >= 2
    if not several.any():
        return Interval(float("nan"), *UNKNOWN, 0)
    code = _grouped(None if groups is None else np.asarray(groups)[several], int(several.sum()))
    return kappa_interval(fleiss_parts(counts[several]), code)


def raw_agreement(counts: NDArray[Any], groups: NDArray[Any] | None = None) -> Interval:
    """Return the share of pairs of labels of the same image that agree, with Wilson's interval.

    Parameters
    ----------
    counts : array (n, K)
        How many said each class of each image; those with fewer than two labels are left out.
    groups : array (n,), optional
    """
    counts = np.asarray(counts, dtype=np.float64)
    several = counts.sum(axis=1) >= 2
    agree = _pairs_that_agree(counts[several])
    n = len(agree)
    if not n:
        return Interval(float("nan"), 0.0, 1.0, 0)
    code = _grouped(None if groups is None else np.asarray(groups)[several], n)
    return share_of_groups(agree, np.arange(n) if code is None else code)


def cohen_parts(first: Float, second: Float) -> _Parts:
    """Return the parts of Cohen's kappa of one-hot labels (..., n, K)."""
    p, q = first.mean(axis=-2), second.mean(axis=-2)
    agree = (first * second).sum(axis=-1)
    by_chance = (p * q).sum(axis=-1)
    moved = (first @ q[..., None])[..., 0] + (second @ p[..., None])[..., 0]
    return _parts(agree, by_chance, moved - 2 * by_chance[..., None])


def fleiss_parts(counts: Float) -> _Parts:
    """Return the parts of Fleiss' kappa of counts (..., n, K), at least two to an image."""
    share = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    p = share.mean(axis=-2)
    by_chance = (p * p).sum(axis=-1)
    moved = 2 * (share @ p[..., None])[..., 0]
    return _parts(_pairs_that_agree(counts), by_chance, moved - 2 * by_chance[..., None])


def _pairs_that_agree(counts: Float) -> Float:
    n = counts.sum(axis=-1)
    return np.asarray((counts * (counts - 1)).sum(axis=-1) / np.maximum(n * (n - 1), 1))


def _parts(agree: Float, by_chance: Float, moved: Float) -> _Parts:
    observed = 1 - agree.mean(axis=-1)
    expected = 1 - by_chance
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = observed / expected
        influence = (agree - (1 - observed)[..., None] - ratio[..., None] * moved) / expected[
            ..., None
        ]
    return _Parts(np.asarray(observed), np.asarray(expected), influence)


def kappa_interval(
    parts: _Parts, code: NDArray[np.int64] | None = None, unit: float = 1.0
) -> Interval:
    """Return a kappa with its interval; see :func:`limits`."""
    n = parts.influence.shape[-1]
    if not parts.expected > 1e-12:
        return Interval(float("nan"), *UNKNOWN, n)
    value = 1 - float(parts.observed / parts.expected)
    low, high = limits(parts, code, unit)
    return Interval(value, min(value, float(low)), max(value, float(high)), n)


def limits(
    parts: _Parts, code: NDArray[np.int64] | None = None, unit: float = 1.0
) -> tuple[Float, Float]:
    """Return the 95 % limits of kappas, for every leading axis of the parts.

    Wilson's interval for the observed disagreement, over the expected one, at the number of
    images that gives a proportion the variance the kappa has by its influence function, summed
    within groups. The variance of half a disagreeing image (more where groups are large) is added,
    so that annotators who agree on everything are not taken to be infallible. Student's quantile
    makes up for how little few groups tell of it, with as many degrees of freedom as there are
    groups less one, unequal groups counting for fewer (Carter, Schnepel & Steigerwald 2017, Review
    of Economics and Statistics 99).

    Parameters
    ----------
    parts : _Parts
    code : array (n,) of int, optional
        Group of each image, 0 to G - 1.
    unit : float
        What an image that disagrees counts for: less than 1 where disagreement has degrees.
    """
    from scipy.stats import t

    summed, n = parts.influence, parts.influence.shape[-1]
    worth = float(n)
    if code is not None:
        inside = np.zeros((n, int(code.max()) + 1))
        inside[np.arange(n), code] = 1
        summed = summed @ inside
        worth = n**2 / float((inside.sum(axis=0) ** 2).sum())
    d = parts.observed
    with np.errstate(divide="ignore", invalid="ignore"):
        # In units of the disagreement: the influence function is in those of the kappa.
        spread = (summed**2).sum(axis=-1) * parts.expected**2 + 0.5 * unit**2 * np.sqrt(n / worth)
        smooth = (n * d + 0.5 * unit) / (n + unit)
        size = smooth * (1 - smooth) * (n + unit) ** 2 / spread
    z2 = float(t.ppf(0.975, max(worth - 1, 1))) ** 2
    centre = (d + z2 / (2 * size)) / (1 + z2 / size)
    half = np.sqrt(z2) / (1 + z2 / size) * np.sqrt(d * (1 - d) / size + z2 / (4 * size**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = 1 - (centre + half) / parts.expected, 1 - (centre - half) / parts.expected
    return np.clip(low, -1, 1), np.clip(high, -1, 1)


def _grouped(groups: NDArray[Any] | None, n: int) -> NDArray[np.int64] | None:
    return None if groups is None or not n else codes(groups)
