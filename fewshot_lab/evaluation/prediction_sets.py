"""Prediction sets that hold the true class as often as promised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

from fewshot_lab.evaluation.decisions import Decision, set_scores
from fewshot_lab.stats import Z95, Evidence, Interval, effective_size, share_of_groups, wilson

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PredictionSets:
    """Conformal prediction sets, calibrated on the evidence.

    Attributes
    ----------
    method : {"lac", "aps"}
    promised : float
        The coverage asked for.
    limits : array (K,)
        Of the scores; infinite where too few images calibrate: then every class is in the set.
    coverage : Interval
        How often the true class will be in the set, for images exchangeable with the evidence.
    by_class : dict
        Class index to how often it was, measured with the image itself left out.
    size : float
        Mean number of classes in a set, on the evidence.
    single : float
        Share of sets with one class.
    per_class : bool
        Whether each class keeps the promise by itself.
    """

    method: str
    promised: float
    limits: NDArray[np.float64]
    coverage: Interval
    by_class: dict[int, Interval]
    size: float
    single: float
    per_class: bool


def prediction_sets(
    evidence: Evidence, coverage: float = 0.9, *, method: str = "lac", per_class: bool = False
) -> PredictionSets:
    """Calibrate prediction sets (split conformal: Vovk et al. 2005; Angelopoulos and Bates 2023).

    The promise holds for images that are exchangeable with the evidence: for audit images, drawn
    at random, that is the pool and what comes from the same source. Labelled images that people
    and suggestions chose are not: sets calibrated on them are a guess, and called so.

    The interval of the coverage is that of the beta distribution that it follows given the
    calibration images (Vovk 2012, ACML), at the number of independent images. The most probable
    class is in every set: where a classifier is right more often than is promised, its accuracy
    is the coverage, and the interval is Wilson's.

    Parameters
    ----------
    evidence : Evidence
    coverage : float
        In (0, 1).
    method : {"lac", "aps"}
        "lac" gives the smallest sets, "aps" ones whose coverage varies less between easy and hard
        images.
    per_class : bool
        Calibrate each class by itself (Vovk 2012: label-conditional).
    """
    p, y = evidence.probabilities.astype(np.float64), evidence.y
    n, K = p.shape
    has_class = y >= 0
    scores = np.full(n, np.inf)
    table = set_scores(p, method)
    scores[has_class] = table[has_class, y[has_class]]
    best = p.argmax(axis=1) == y
    limits = np.empty(K)
    rows_of = [np.flatnonzero(y == k) for k in range(K)] if per_class else [np.arange(n)]
    parts = [_limit(scores[rows], evidence.groups[rows], coverage) for rows in rows_of]
    limits[:] = [part[0] for part in parts]
    least = min(range(len(parts)), key=lambda k: parts[k][2])
    rows = rows_of[least]
    reached = _reached(parts[least], scores[rows], best[rows], evidence.groups[rows], n)
    sets = Decision(None, method, limits, None).prediction_sets(p)
    assert sets is not None
    count = sets.sum(axis=1)
    inside = _left_out(scores, y, best, coverage, per_class)
    by_class = {k: share_of_groups(inside[y == k], evidence.groups[y == k]) for k in range(K)}
    return PredictionSets(
        method,
        coverage,
        limits,
        reached,
        by_class,
        float(count.mean()) if n else float(K),
        float((count == 1).mean()) if n else 0.0,
        per_class,
    )


def _limit(scores: Float, groups: NDArray[np.int64], coverage: float) -> tuple[float, float, float]:
    """Return the limit, its rank among the independent images, and how many of those there are."""
    n = len(scores)
    if not n:
        return np.inf, 0.0, 0.0
    middle = np.quantile(scores, coverage, method="higher")
    size = effective_size((scores <= middle).astype(np.float64), groups) / few_groups(groups)
    rank = float(np.ceil((size + 1) * coverage - 1e-9))
    if rank > size:
        return np.inf, rank, size
    at = min(n, int(np.ceil(rank / size * n - 1e-9)))
    ordered = np.sort(scores)
    above = ordered[ordered > ordered[at - 1]]
    # A little above the score itself, where rounding would decide.
    step = min(1e-4, float(above[0] - ordered[at - 1]) / 2) if len(above) else 1e-4
    return float(ordered[at - 1]) + step, rank, size


def few_groups(groups: NDArray[np.int64]) -> float:
    """Return by how much to divide an effective size that few groups told of.

    The square of how much wider Student's interval is than the normal one.
    """
    count = len(np.unique(groups))
    if count in (len(groups), 1):
        return 1.0
    return float((stdtrit(count - 1, 0.975) / Z95) ** 2)


def _reached(
    part: tuple[float, float, float],
    scores: Float,
    best: NDArray[np.bool_],
    groups: NDArray[np.int64],
    images: int,
) -> Interval:
    """Return how often a set will hold the true class, given what its limit rests on."""
    limit, rank, size = part
    if size <= 0 or rank > size:
        return Interval(1.0, 1.0, 1.0, images)
    inside = (scores <= limit) | best
    if (best & (scores > limit)).any():
        hits = inside.astype(np.float64)
        worth = effective_size(hits, groups) / few_groups(groups)
        return wilson(float(hits.mean()) * worth, worth, images=images)
    low, high = betaincinv(rank, size + 1 - rank, [0.025, 0.975])
    return Interval(float(rank / (size + 1)), float(low), float(high), images)


def _left_out(
    scores: Float, y: NDArray[np.int64], best: NDArray[np.bool_], coverage: float, per_class: bool
) -> NDArray[np.bool_]:
    """Return whether each image's class is in its set when it does not calibrate itself."""
    out = np.zeros(len(y), dtype=bool)
    for k in np.unique(y) if per_class else (None,):
        of_class = np.flatnonzero(y == k) if k is not None else np.arange(len(y))
        m = len(of_class)
        rank = int(np.ceil(m * coverage - 1e-9))
        if rank > m - 1:
            out[of_class] = True
            continue
        ordered = np.sort(scores[of_class])
        # Without itself the limit is the next one for those at or below it.
        limit = np.where(scores[of_class] <= ordered[rank - 1], ordered[rank], ordered[rank - 1])
        out[of_class] = scores[of_class] <= limit
    return (out | best) & (y >= 0)
