"""What a project's probabilities are worth, as JSON and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    NEVER,
    NOT_ASSURED,
    Decision,
    Probabilities,
    Settings,
    referral_sentence,
    referred_sentence,
)
from fewshot_lab.project.clinical import clinical_figures
from fewshot_lab.project.probabilities import (
    NOTHING,
    Gathered,
    class_names,
    gather,
    judge,
    settings_of,
)
from fewshot_lab.stats import Interval
from fewshot_lab.words import fine_percent, fine_share

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore, TrainedClassifier


def _figures(found: Probabilities, gathered: Gathered, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures as JSON, with a sentence for each."""
    from dataclasses import asdict

    threshold, sets, curve = found.threshold, found.sets, found.curve
    return {
        "evidence": found.evidence.source,
        "n": len(found.evidence),
        "audit_images": len(gathered.audit),
        "groups": len(np.unique(found.evidence.groups)),
        "settings": found.settings.to_dict(),
        "calibration": {
            "name": gathered.calibration.name,
            "sentence": gathered.calibration.sentence,
            "log_loss": dict(gathered.calibration.losses),
        },
        "reliability": {
            "bins": [
                {"confidence": b.confidence, **asdict(b.accuracy)} for b in found.reliability.bins
            ],
            "expected_calibration_error": asdict(found.reliability.error),
            "plain": found.reliability.plain,
            "sentence": reliability_words(found),
        },
        "threshold": {
            "value": _threshold_value(threshold.value),
            "target_error": threshold.target,
            "rule": threshold.rule,
            "coverage": asdict(threshold.coverage),
            "error": asdict(threshold.error),
            "by_class": {
                names[k]: {
                    "value": _threshold_value(each.value),
                    "rule": each.rule,
                    "coverage": asdict(each.coverage),
                    "error": asdict(each.error),
                }
                for k, each in found.by_class.items()
            },
            "estimated_coverage": None
            if found.estimated is None
            else asdict(found.estimated.coverage),
            "sentence": " ".join(threshold_words(found)),
        },
        "risk_coverage": {
            name: getattr(curve, name).tolist()
            for name in ("threshold", "coverage", "error", "low", "high")
        },
        "sets": {
            "method": sets.method,
            "promised": sets.promised,
            "per_class": sets.per_class,
            "coverage": asdict(sets.coverage),
            "measured_on_audit": None
            if found.sets_measured is None
            else asdict(found.sets_measured),
            "by_class": {names[k]: asdict(v) for k, v in sets.by_class.items()},
            "mean_size": sets.size,
            "single": sets.single,
            "sentence": " ".join(sets_words(found)),
        },
        "unlike": {
            "share": asdict(found.unlike),
            "k": None if found.decision.reference is None else found.decision.reference.k,
            "cutoff": None if found.decision.reference is None else found.decision.reference.cutoff,
            "kind": None
            if found.decision.kind is None
            else {
                "cutoff": found.decision.kind.cutoff,
                "looked_at": [level.name for level in found.decision.kind.levels],
            },
            "sentence": unlike_words(found),
        },
        "referred": {**found.referred, "sentence": referred_words(found)},
    }


def _threshold_value(value: float) -> float | None:
    return None if np.isnan(value) or value >= NEVER else float(value)


def between(interval: Interval) -> str:
    """Return "78 % (71-84)"."""
    return fine_share(interval.value, interval.low, interval.high)


def reliability_words(found: Probabilities) -> str:
    """Say how far the probabilities are off."""
    error = found.reliability.error
    seen = found.reliability
    lean = seen.confidence - seen.accuracy
    words = (
        f"Probabilities are off by {fine_percent(error.value)} on average "
        f"({100 * error.low:.1f}–{100 * error.high:.1f}), n = {error.n:,}"
    )
    if error.low <= 0:
        return f"{words}: no more than chance may make of it."
    if abs(lean) < 0.01:
        return f"{words}: on the whole neither too sure nor too unsure."
    way = "sure" if lean > 0 else "unsure"
    return f"{words}: on the whole too {way} by {fine_percent(abs(lean))}."


def threshold_words(found: Probabilities) -> tuple[str, ...]:
    """Say what is decided, at which error, and how sure that is."""
    threshold, source = found.threshold, found.evidence.source
    target = f"{100 * threshold.target:g} %"
    each = " for each predicted class" if found.by_class else ""
    costed = ", errors counted as often as they cost," if found.decision.costs is not None else ""
    if threshold.rule == "none":
        return (
            f"At {target} error{costed} nothing can be decided: no threshold keeps the error "
            f"among decided images that low ({found.evidence.words}).",
            f"{threshold.least:,} audit images decided without one error would be the least to "
            f"assure {target}.",
        )
    first = (
        f"At {target} error{each}{costed} it decides {between(threshold.coverage)} of images "
        "and refers the rest."
    )
    seen = (
        f"Among the decided, {between(threshold.error)} were wrong, "
        f"n = {threshold.error.n:,}, {found.evidence.words}."
    )
    if threshold.rule == "assured":
        last = f"With 95 % confidence the true error{costed} is at most {target}."
        if found.estimated is not None and found.estimated.rule == "estimated":
            last += f" Estimated only, it would decide {between(found.estimated.coverage)}."
    elif source == "audit":
        last = (
            f"This is an estimate: for {target} to be assured with 95 % confidence, more audit "
            f"labels are needed ({threshold.least:,} decided without one error at the least)."
        )
    else:
        last = (
            "This is an estimate on images that were not drawn at random: label audit images "
            "before it is relied on."
        )
    return first, seen, last


def referred_words(found: Probabilities) -> str:
    """Say how many images of the pool are referred, and why."""
    decision = found.decision
    not_assured = referral_sentence(
        NOT_ASSURED, {}, error=decision.target_error, more_audit=decision.more_audit
    )
    return referred_sentence(found.referred, not_assured)


def sets_words(found: Probabilities) -> tuple[str, ...]:
    """Say what the prediction sets promise, and for which images."""
    sets = found.sets
    each = ", for each class" if sets.per_class else ""
    first = (
        f"Sets that hold the true class {fine_percent(sets.promised)} of the time{each} have "
        f"{sets.size:.2f} classes on average; {fine_percent(sets.single)} have one."
    )
    if found.evidence.source == "audit":
        second = (
            f"Calibrated {found.evidence.words}: for images from the same source as the pool the "
            f"coverage lies between {fine_percent(sets.coverage.low)} and "
            f"{fine_percent(sets.coverage.high)}. For images of another source nothing is "
            "promised."
        )
        return first, second
    second = (
        f"Calibrated {found.evidence.words}: these are not exchangeable with the pool, so nothing "
        "is promised."
    )
    if found.sets_measured is not None:
        second += (
            f" On {found.sets_measured.n:,} audit images the sets held the true class in "
            f"{between(found.sets_measured)}."
        )
    return first, second


def unlike_words(found: Probabilities) -> str:
    """Say how many of the pool's images are unlike the labelled ones."""
    reference = found.decision.reference
    if reference is None:
        return "Images unlike anything labelled are not looked for."
    kind = ""
    if found.decision.kind is not None:
        stages = sum(level.columns is not None for level in found.decision.kind.levels)
        seen = ["light, colours and sharpness"] if found.decision.kind.needs_statistics else []
        seen += [f"{stages} inner stages of the network"] if stages else []
        kind = f", or as another kind of picture by {' and by '.join(seen)}"
    which = {1: "most similar", 2: "second most similar", 3: "third most similar"}.get(
        reference.k, f"{reference.k}th most similar"
    )
    by = f"similarity to the {which} labelled image below {reference.cutoff:.2f}{kind}"
    if not found.unlike.n:
        return f"An image is flagged by its {by}; every image of this pool trains."
    return (
        f"{between(found.unlike)} of the pool's {found.unlike.n:,} images that did not train are "
        f"flagged, by {by}."
    )


def rule(
    project: ProjectCore, fitted: Fitted, training_ids: Sequence[str]
) -> tuple[Decision | None, dict[str, Any]]:
    """Return the rule for a bundle, and the figures behind it as JSON.

    Returns
    -------
    Decision or None
    dict
        ``probabilities``, and what :func:`clinical_figures` returns.
    """
    settings = settings_of(project)
    gathered = gather(project, fitted, training_ids, settings.unlike_share)
    found = judge(gathered, settings)
    names = class_names(project, gathered.class_ids)
    clinical, groups = clinical_figures(project, fitted, training_ids, gathered)
    if found is None:
        bare = Decision(
            None,
            None,
            None,
            gathered.reference,
            gathered.kind,
            costs=gathered.costs,
            groups=groups,
            pool=gathered.seen,
        )
        why = {"reason": NOTHING, "calibration": gathered.calibration.sentence}
        return bare, {"probabilities": why, **clinical}
    figures = {"probabilities": _figures(found, gathered, names), **clinical}
    return replace(found.decision, groups=groups, pool=gathered.seen), figures


def probabilities_report(
    project: ProjectCore, classifier: TrainedClassifier, settings: Settings | None = None
) -> dict[str, Any]:
    """Return what a classifier's probabilities are worth as JSON.

    Raises
    ------
    FewshotLabError
        Where there is nothing to judge them by.
    """
    settings = settings or settings_of(project)
    ids = classifier.training.ids
    gathered = gather(project, classifier.fitted, ids, settings.unlike_share)
    found = judge(gathered, settings)
    if found is None:
        raise FewshotLabError(NOTHING)
    return _figures(found, gathered, class_names(project, gathered.class_ids))
