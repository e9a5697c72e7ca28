"""Deciding only what is sure enough, and referring the rest to a person."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.costed_evidence import losses
from fewshot_lab.stats import Evidence, Interval, effective_size, share_of_groups, wilson

Float = NDArray[np.floating[Any]]
Rule = Literal["assured", "estimated", "none"]

NEVER = 2.0
"""A threshold that no probability reaches: all images are referred."""
ASSURANCE = 0.95
STARTS = (1.0, 0.75, 0.5, 0.25)


@dataclass(frozen=True)
class Threshold:
    """From which probability on an image is decided.

    Attributes
    ----------
    value : float
        :data:`NEVER` where nothing can be decided.
    target : float
        The error wanted among the decided images.
    rule : {"assured", "estimated", "none"}
        "assured": with 95 % confidence the error is at most the target. "estimated": more likely
        than not. "none": not even that; everything is referred.
    error : Interval
        What the evidence says of the error among decided images; half of the error at which the
        threshold stopped is counted with it.
    coverage : Interval
        The share of images decided.
    least : int
        How many images without a single error would assure the target.
    """

    value: float
    target: float
    rule: Rule
    error: Interval
    coverage: Interval
    least: int


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve: error among the decided, the more are decided.

    Attributes
    ----------
    threshold, coverage : array (m,)
    error, low, high : array (m,)
        With a 95 % interval at each point by itself.
    """

    threshold: Float
    coverage: Float
    error: Float
    low: Float
    high: Float


def upper_bound(wrong: Float, n: Float, confidence: float) -> Float:
    """Return the Clopper-Pearson upper bound of a share (Clopper and Pearson 1934, Biometrika)."""
    from scipy.special import betaincinv

    wrong, n = np.asarray(wrong, dtype=np.float64), np.asarray(n, dtype=np.float64)
    right = np.maximum(n - wrong, 1e-9)
    return np.where(n - wrong <= 1e-9, 1.0, betaincinv(wrong + 1, right, confidence))


def least_images(target: float, confidence: float = ASSURANCE) -> int:
    """Return how many images without one error assure a target, by :func:`largest_sure`."""
    return int(np.ceil(np.log((1 - confidence) / len(STARTS)) / np.log1p(-target)))


def largest_sure(wrong: Float, target: float, confidence: float, worth: float) -> int:
    """Return how many of the most confident images can be decided, 0 for none.

    Fixed-sequence testing from several starts (Angelopoulos et al. 2022, "Learn then test"; the
    idea of Geifman and El-Yaniv 2017, NeurIPS, with fewer tests): from a start on, more and more
    images are decided while the Clopper-Pearson bound of their error stays below the target. Each
    start spends its part of the allowed 1 - confidence, so that the chance that the true error is
    above the target is at most that, however many thresholds were looked at.

    Parameters
    ----------
    wrong : array (n,)
        1 where wrong (or a part of 1), images by falling confidence.
    worth : float
        How many independent images one image is worth, at most 1 (groups).
    """
    n = len(wrong)
    if not n:
        return 0
    m = np.arange(1, n + 1)
    total = np.cumsum(wrong)
    bound = upper_bound(total * worth, m * worth, 1 - (1 - confidence) / len(STARTS))
    fails = np.flatnonzero(bound > target)
    best = 0
    for start in STARTS:
        first = max(1, round(start * n))
        if bound[first - 1] > target:
            continue
        after = fails[fails >= first]
        best = max(best, int(after[0]) if len(after) else n)
    return best


def find_threshold(
    evidence: Evidence,
    target: float,
    pool: Float,
    pool_groups: NDArray[np.int64] | None = None,
    *,
    assure: bool = True,
) -> Threshold:
    """Return the lowest threshold that keeps the error among decided images at a target.

    Parameters
    ----------
    evidence : Evidence
        With costs, an error counts towards the target as often as it costs.
    target : float
        In (0, 1).
    pool : array (N,)
        Confidence of images that did not train, unlike ones 0: their share above the threshold is
        the coverage. The evidence's own where it is empty.
    pool_groups : array (N,), optional
    assure : bool
        Assure the target with 95 % confidence where the evidence allows it: audit images, enough
        of them. Else, and where it does not, estimate it.
    """
    confidence = np.where(evidence.unlike, 0.0, evidence.confidence)
    order = np.argsort(-confidence, kind="stable")
    wrong = (~evidence.right[order]).astype(np.float64)
    worth = effective_size(wrong, evidence.groups[order]) / max(len(wrong), 1)
    loss, worst, typical = losses(evidence)
    loss = loss[order]
    rules: list[tuple[Rule, float]] = [("estimated", 0.5)]
    if assure and evidence.source == "audit":
        rules.insert(0, ("assured", ASSURANCE))
    for rule, level in rules:
        if rule == "assured":
            decided = largest_sure(loss / worst, target / worst, level, worth)
        else:
            decided = _estimated(loss / typical, target / typical, worth)
        if decided:
            break
    else:
        rule = "none"
    value = _just_below(confidence[order], decided) if decided else NEVER
    decided = int((confidence >= value).sum())  # ties are decided together
    k = float(wrong[:decided].sum())
    error = error_of(k, decided, worth, stops=decided < len(wrong))
    if not len(pool):
        pool, pool_groups = confidence, evidence.groups
    coverage = share_above(pool, value, pool_groups)
    return Threshold(value, target, rule, error, coverage, least_images(target / worst))


def _just_below(falling: Float, decided: int) -> float:
    """Return a threshold a little below the last one decided.

    At its very probability, rounding would decide what becomes of that image in a bundle.
    """
    last = float(falling[decided - 1])
    rest = falling[decided:]
    below = rest[rest < last]
    return max(last - 1e-4, (last + float(below[0])) / 2 if len(below) else 0.0)


def error_of(wrong: float, decided: int, worth: float, *, stops: float) -> Interval:
    """Return the error among decided images with its interval.

    The threshold was moved on until an error stopped it, so that the images decided hold too few.
    As when one draws until a failure comes, that error belongs to the record; half of it is
    counted, the mid-P way of counting what lies on the border (Lancaster 1961, JASA 56).

    Parameters
    ----------
    wrong, decided
        Numbers of images.
    worth : float
        How many independent images one image is worth.
    stops : float
        The thresholds that an error stopped: one, or several of classes decided apart.
    """
    error = wilson(wrong * worth, decided * worth, images=decided)
    if not decided or not stops:
        return error
    held = wilson(wrong * worth + stops / 2, decided * worth + stops / 2)
    low, high = min(error.value, held.low), max(error.value, held.high)
    return Interval(error.value, low, high, decided)


def _estimated(wrong: Float, target: float, worth: float) -> int:
    """Return how many can be decided with an error that is likelier below the target than not."""
    m = np.arange(1, len(wrong) + 1)
    bound = upper_bound(np.cumsum(wrong) * worth, m * worth, 0.5)
    good = np.flatnonzero(bound <= target)
    return int(good[-1]) + 1 if len(good) else 0


def share_above(
    confidence: Float, value: float, groups: NDArray[np.int64] | None = None
) -> Interval:
    """Return the share of images at or above a threshold, with its interval over groups."""
    return share_of_groups(
        confidence >= value, np.arange(len(confidence)) if groups is None else groups
    )


def risk_coverage(evidence: Evidence, *, points: int = 200) -> RiskCoverage:
    """Return the risk-coverage curve (El-Yaniv and Wiener 2010, JMLR 11) on the evidence."""
    confidence = np.where(evidence.unlike, 0.0, evidence.confidence)
    order = np.argsort(-confidence, kind="stable")
    wrong = (~evidence.right[order]).astype(np.float64)
    n = len(wrong)
    worth = effective_size(wrong, evidence.groups[order]) / max(n, 1)
    m = np.unique(np.linspace(1, n, min(points, n)).round().astype(np.int64))
    total = np.cumsum(wrong)[m - 1]
    errors = [wilson(k * worth, i * worth) for k, i in zip(total, m, strict=True)]
    return RiskCoverage(
        confidence[order][m - 1],
        m / n,
        np.array([f.value for f in errors]),
        np.array([f.low for f in errors]),
        np.array([f.high for f in errors]),
    )
