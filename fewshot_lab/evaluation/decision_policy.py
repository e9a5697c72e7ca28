"""From probabilities to what one does with them: measured, and made a rule that travels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.costed_evidence import by_cost
from fewshot_lab.evaluation.costs import certainty, choose
from fewshot_lab.evaluation.decision_settings import Settings
from fewshot_lab.evaluation.decisions import Decision, Reference
from fewshot_lab.evaluation.kind_distance import KindDistance
from fewshot_lab.evaluation.prediction_sets import PredictionSets, prediction_sets
from fewshot_lab.evaluation.referral import CLOSE, NOT_ASSURED, UNLIKE
from fewshot_lab.evaluation.selective_classification import (
    NEVER,
    RiskCoverage,
    Threshold,
    error_of,
    find_threshold,
    risk_coverage,
    share_above,
)
from fewshot_lab.stats import (
    ENOUGH,
    Evidence,
    Interval,
    Reliability,
    effective_size,
    reliability,
    share_of_groups,
)

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PoolProbabilities:
    """The images that a classifier is for: those of the pool that did not train it.

    Attributes
    ----------
    probabilities : array (N, K)
    groups : array (N,) of int or None
    unlike : array (N,) of bool
    """

    probabilities: Float
    groups: NDArray[np.int64] | None
    unlike: NDArray[np.bool_]


@dataclass(frozen=True)
class Probabilities:
    """How far the probabilities can be acted on.

    Attributes
    ----------
    settings : Settings
    evidence : Evidence
    reliability : Reliability
    threshold : Threshold
        The rule as a whole.
    estimated : Threshold or None
        What it would be without assurance; None where it is not assured.
    by_class : dict
        Class index to the threshold of images predicted so; empty where one serves all.
    curve : RiskCoverage
    sets : PredictionSets
    sets_measured : Interval or None
        Coverage of the sets on audit images where other images calibrated them.
    unlike : Interval
        Share of the pool that is unlike the labelled images.
    decision : Decision
        The rule that travels.
    referred : dict
        Reason (:mod:`fewshot_lab.evaluation.referral`) to images of the pool referred for it.
    """

    settings: Settings
    evidence: Evidence
    reliability: Reliability
    threshold: Threshold
    estimated: Threshold | None
    by_class: dict[int, Threshold]
    curve: RiskCoverage
    sets: PredictionSets
    sets_measured: Interval | None
    unlike: Interval
    decision: Decision
    referred: dict[str, int]


def act(
    evidence: Evidence,
    pool: PoolProbabilities,
    reference: Reference | None,
    settings: Settings | None = None,
    *,
    kind: KindDistance | None = None,
    audit: Evidence | None = None,
    costs: Float | None = None,
) -> Probabilities:
    """Measure what the probabilities are worth, and make the rule.

    Parameters
    ----------
    evidence : Evidence
        At least one image.
    pool : PoolProbabilities
    reference : Reference or None
        Tells what is unlike the labelled images.
    settings : Settings, optional
    kind : KindDistance, optional
        Tells another kind of picture.
    audit : Evidence, optional
        Audit images too few to calibrate on: they still measure sets calibrated on others.
    costs : array (K, K), optional
        What errors cost; all the same without it.
    """
    settings = settings or Settings()
    plain, evidence = evidence, by_cost(evidence, costs)
    best = choose(pool.probabilities, costs)
    confidence = np.where(pool.unlike, 0.0, certainty(pool.probabilities, best, costs))
    threshold, by_class = _thresholds(evidence, pool, best, confidence, settings)
    K = evidence.probabilities.shape[1]
    thresholds = np.array([by_class.get(k, threshold).value for k in range(K)])
    estimated = None
    if threshold.rule == "assured" and not by_class:
        estimated = find_threshold(
            evidence, settings.target_error, confidence, pool.groups, assure=False
        )
    sets = prediction_sets(
        plain, settings.set_coverage, method=settings.set_method, per_class=settings.set_per_class
    )
    decision = Decision(
        thresholds,
        sets.method,
        sets.limits,
        reference,
        kind,
        settings.target_error,
        _more_audit(evidence, audit, thresholds, threshold.least),
        costs,
    )
    return Probabilities(
        settings,
        evidence,
        reliability(plain),
        threshold,
        estimated,
        by_class,
        risk_coverage(evidence),
        sets,
        None if evidence.source == "audit" else _coverage(decision, audit),
        share_above(pool.unlike.astype(np.float64), 0.5, pool.groups),
        decision,
        _referred(pool, thresholds, best, confidence),
    )


def _thresholds(
    evidence: Evidence,
    pool: PoolProbabilities,
    best: NDArray[np.int64],
    confidence: Float,
    settings: Settings,
) -> tuple[Threshold, dict[int, Threshold]]:
    """Return the threshold as a whole, and by predicted class where each has its own."""
    if not settings.per_class:
        one = find_threshold(
            evidence, settings.target_error, confidence, pool.groups, assure=settings.assure
        )
        return one, {}
    by_class = {
        k: find_threshold(
            evidence.take(evidence.predicted == k),
            settings.target_error,
            confidence[best == k],
            None if pool.groups is None else pool.groups[best == k],
            assure=settings.assure,
        )
        for k in range(evidence.probabilities.shape[1])
    }
    return _together(evidence, by_class, confidence, best, pool, settings), by_class


def _coverage(decision: Decision, audit: Evidence | None) -> Interval | None:
    """Return how often sets hold the true class of audit images that did not calibrate them."""
    if audit is None or not len(audit):
        return None
    inside = decision.prediction_sets(audit.probabilities.astype(np.float64))
    assert inside is not None
    hits = (audit.y >= 0) & inside[np.arange(len(audit)), audit.y]
    return share_of_groups(hits, audit.groups)


def _referred(
    pool: PoolProbabilities, thresholds: Float, best: NDArray[np.int64], confidence: Float
) -> dict[str, int]:
    """Return how many images of the pool are referred, by reason."""
    threshold = thresholds[best]
    never = ~pool.unlike & (threshold >= NEVER)
    counts = {
        UNLIKE: int(pool.unlike.sum()),
        NOT_ASSURED: int(never.sum()),
        CLOSE: int((~pool.unlike & ~never & (confidence < threshold)).sum()),
    }
    return {reason: count for reason, count in counts.items() if count}


def _more_audit(
    evidence: Evidence, audit: Evidence | None, thresholds: Float, least: int
) -> int | None:
    """Return how many audit images are missing at the least where nothing can be decided."""
    never = np.flatnonzero(thresholds >= NEVER)
    drawn = evidence if evidence.source == "audit" else audit
    if not len(never):
        return None
    if drawn is None or not len(drawn):
        return max(least, ENOUGH)
    if evidence.source != "audit":
        return max(least, ENOUGH) - len(drawn)
    each = len(never) < len(thresholds)  # a threshold for each predicted class
    seen = max((drawn.predicted == k).sum() for k in never) if each else len(drawn)
    return int(least - seen) if seen < least else None


def _together(
    evidence: Evidence,
    by_class: Mapping[int, Threshold],
    confidence: Float,
    best: NDArray[np.int64],
    pool: PoolProbabilities,
    settings: Settings,
) -> Threshold:
    """Return the thresholds of all classes as one rule."""
    thresholds = np.array([each.value for each in by_class.values()])
    sure = np.where(evidence.unlike, 0.0, evidence.confidence) >= thresholds[evidence.predicted]
    wrong = (~evidence.right[sure]).astype(np.float64)
    decided = len(wrong)
    worth = effective_size(wrong, evidence.groups[sure]) / max(decided, 1)
    stops = sum(
        bool((~sure & (evidence.predicted == k)).any()) and each.value < NEVER
        for k, each in by_class.items()
    )
    error = error_of(float(wrong.sum()), decided, worth, stops=stops)
    above: NDArray[np.bool_] = sure
    groups: NDArray[np.int64] | None = evidence.groups
    if len(confidence):
        above, groups = confidence >= thresholds[best], pool.groups
    coverage = share_above(above.astype(np.float64), 0.5, groups)
    rules = {each.rule for each in by_class.values() if each.value < NEVER}
    return Threshold(
        float("nan"),
        settings.target_error,
        "none" if not rules else "estimated" if "estimated" in rules else "assured",
        error,
        coverage,
        by_class[0].least,
    )
