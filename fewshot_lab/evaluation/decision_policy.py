"""From probabilities to what one does with them: measured, and made a rule that travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.costed_evidence import by_cost
from fewshot_lab.evaluation.costs import certainty, choose
from fewshot_lab.evaluation.decisions import Decision, Reference
from fewshot_lab.evaluation.kind_distance import KindDistance
from fewshot_lab.evaluation.prediction_sets import PredictionSets, prediction_sets
from fewshot_lab.evaluation.referral import CLOSE, NOT_ASSURED, UNLIKE
from fewshot_lab.evaluation.selective import (
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
    wilson,
)

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Settings:
    """How the user wants to act on probabilities.

    Attributes
    ----------
    target_error : float
        Error wanted among the images that are decided.
    per_class : bool
        A threshold for each predicted class, each keeping the error by itself.
    assure : bool
        Assure the error with 95 % confidence where the audit set is large enough.
    set_coverage : float
        How often a prediction set is to hold the true class.
    set_method : str
        "lac" (smallest sets) or "aps".
    set_per_class : bool
        Each class keeps the promise by itself.
    unlike_share : float
        Share of the pool's own images that is called unlike anything labelled.
    """

    target_error: float = 0.05
    per_class: bool = False
    assure: bool = True
    set_coverage: float = 0.9
    set_method: str = "lac"
    set_per_class: bool = False
    unlike_share: float = 0.04

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        FewshotLabError
        """
        if not 0 < self.target_error < 1:
            raise FewshotLabError(
                f"The target error is {self.target_error:g}: give a share between 0 and 1, as in "
                "0.05 for 5 %."
            )
        if not 0 < self.set_coverage < 1:
            raise FewshotLabError(
                f"The coverage of the sets is {self.set_coverage:g}: give a share between 0 and 1, "
                "as in 0.9 for 90 %."
            )
        if not 0 <= self.unlike_share < 1:
            raise FewshotLabError(
                f"The share of unlike images is {self.unlike_share:g}: give one from 0 to 1."
            )
        if self.set_method not in ("lac", "aps"):
            raise FewshotLabError(f"There are no sets by {self.set_method!r}: use lac or aps.")

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Settings:
        """Return the settings stored in a project; what it does not know is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in (stored or {}).items() if key in known})

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`of` reads."""
        return asdict(self)


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
    plain, evidence = evidence, by_cost(evidence, costs)
    best = choose(pool.probabilities, costs)
    settings = settings or Settings()
    K = evidence.probabilities.shape[1]
    confidence = (
        np.where(pool.unlike, 0.0, certainty(pool.probabilities, best, costs))
        if len(pool.probabilities)
        else np.empty(0)
    )
    by_class: dict[int, Threshold] = {}
    if settings.per_class:
        for k in range(K):
            mine = best == k
            by_class[k] = find_threshold(
                evidence.take(evidence.predicted == k),
                settings.target_error,
                confidence[mine],
                None if pool.groups is None else pool.groups[mine],
                assure=settings.assure,
            )
        thresholds = np.array([by_class[k].value for k in range(K)])
        threshold = _together(evidence, by_class, thresholds, confidence, best, pool, settings)
    else:
        threshold = find_threshold(
            evidence, settings.target_error, confidence, pool.groups, assure=settings.assure
        )
        thresholds = np.full(K, threshold.value)
    estimated = None
    if threshold.rule == "assured" and not settings.per_class:
        estimated = find_threshold(
            evidence, settings.target_error, confidence, pool.groups, assure=False
        )
    sets = prediction_sets(
        plain,
        settings.set_coverage,
        method=settings.set_method,
        per_class=settings.set_per_class,
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
    measured = None
    if audit is not None and len(audit) and evidence.source != "audit":
        inside = decision.prediction_sets(audit.probabilities.astype(np.float64))
        assert inside is not None
        hits = ((audit.y >= 0) & inside[np.arange(len(audit)), audit.y]).astype(np.float64)
        worth = effective_size(hits, audit.groups)
        measured = wilson(float(hits.mean()) * worth, worth, images=len(hits))
    return Probabilities(
        settings,
        evidence,
        reliability(plain),
        threshold,
        estimated,
        by_class,
        risk_coverage(evidence),
        sets,
        measured,
        share_above(pool.unlike.astype(np.float64), 0.5, pool.groups),
        decision,
        _referred(pool, thresholds, best, confidence),
    )


def _referred(
    pool: PoolProbabilities, thresholds: Float, best: NDArray[np.int64], confidence: Float
) -> dict[str, int]:
    """Return how many images of the pool are referred, by reason."""
    if not len(pool.probabilities):
        return {}
    asked = thresholds[best]
    never = ~pool.unlike & (asked >= NEVER)
    counts = {
        UNLIKE: int(pool.unlike.sum()),
        NOT_ASSURED: int(never.sum()),
        CLOSE: int((~pool.unlike & ~never & (confidence < asked)).sum()),
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
    thresholds: Float,
    confidence: Float,
    best: NDArray[np.int64],
    pool: PoolProbabilities,
    settings: Settings,
) -> Threshold:
    """Return the thresholds of all classes as one rule."""
    sure = np.where(evidence.unlike, 0.0, evidence.confidence) >= thresholds[evidence.predicted]
    wrong = (~evidence.right[sure]).astype(np.float64)
    decided = len(wrong)
    worth = effective_size(wrong, evidence.groups[sure]) / max(decided, 1)
    stops = sum(
        bool((~sure & (evidence.predicted == k)).any()) and each.value < NEVER
        for k, each in by_class.items()
    )
    error = error_of(float(wrong.sum()), decided, worth, stops=stops)
    if len(confidence):
        above = (confidence >= thresholds[best]).astype(np.float64)
        coverage = share_above(above, 0.5, pool.groups)
    else:
        coverage = share_above(sure.astype(np.float64), 0.5, evidence.groups)
    rules = {each.rule for each in by_class.values() if each.value < NEVER}
    some = next(iter(by_class.values()))
    return Threshold(
        float("nan"),
        settings.target_error,
        "none" if not rules else "estimated" if "estimated" in rules else "assured",
        error,
        coverage,
        some.least,
    )
