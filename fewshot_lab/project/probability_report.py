"""What a project's probabilities are worth, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import NEVER, Decision, Probabilities, Settings
from fewshot_lab.project.clinical import clinical_figures
from fewshot_lab.project.probabilities import (
    NOTHING,
    Gathered,
    class_names,
    gather,
    judge,
    settings_of,
)
from fewshot_lab.project.probability_words import (
    referred_words,
    reliability_words,
    sets_words,
    threshold_words,
    unlike_words,
)

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.evaluation import Threshold
    from fewshot_lab.project.training import ProjectCore, TrainedClassifier


def _figures(
    probabilities: Probabilities, gathered: Gathered, names: Sequence[str]
) -> dict[str, Any]:
    """Return the figures as JSON, with a sentence for each."""
    threshold, sets, curve = probabilities.threshold, probabilities.sets, probabilities.curve
    reference, kind = probabilities.decision.reference, probabilities.decision.kind
    return {
        "evidence": probabilities.evidence.source,
        "n": len(probabilities.evidence),
        "audit_images": len(gathered.audit),
        "groups": len(np.unique(probabilities.evidence.groups)),
        "settings": probabilities.settings.to_dict(),
        "calibration": {
            "name": gathered.calibration.name,
            "sentence": gathered.calibration.sentence,
            "log_loss": dict(gathered.calibration.losses),
        },
        "reliability": {
            "bins": [
                {"confidence": b.confidence, **asdict(b.accuracy)}
                for b in probabilities.reliability.bins
            ],
            "expected_calibration_error": asdict(probabilities.reliability.error),
            "plain": probabilities.reliability.plain,
            "sentence": reliability_words(probabilities),
        },
        "threshold": {
            **_of_threshold(threshold),
            "target_error": threshold.target,
            "by_class": {names[k]: _of_threshold(t) for k, t in probabilities.by_class.items()},
            "estimated_coverage": None
            if probabilities.estimated is None
            else asdict(probabilities.estimated.coverage),
            "sentence": " ".join(threshold_words(probabilities)),
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
            if probabilities.sets_measured is None
            else asdict(probabilities.sets_measured),
            "by_class": {names[k]: asdict(v) for k, v in sets.by_class.items()},
            "mean_size": sets.size,
            "single": sets.single,
            "sentence": " ".join(sets_words(probabilities)),
        },
        "unlike": {
            "share": asdict(probabilities.unlike),
            "k": reference and reference.k,
            "cutoff": reference and reference.cutoff,
            "kind": kind
            and {"cutoff": kind.cutoff, "looked_at": [level.name for level in kind.levels]},
            "sentence": unlike_words(probabilities),
        },
        "referred": {**probabilities.referred, "sentence": referred_words(probabilities)},
    }


def _of_threshold(threshold: Threshold) -> dict[str, Any]:
    value = threshold.value
    return {
        "value": None if np.isnan(value) or value >= NEVER else float(value),
        "rule": threshold.rule,
        "coverage": asdict(threshold.coverage),
        "error": asdict(threshold.error),
    }


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
    probabilities = judge(gathered, settings)
    names = class_names(project, gathered.class_ids)
    clinical, groups = clinical_figures(project, fitted, training_ids, gathered)
    if probabilities is None:
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
    figures = {"probabilities": _figures(probabilities, gathered, names), **clinical}
    return replace(probabilities.decision, groups=groups, pool=gathered.seen), figures


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
    probabilities = judge(gathered, settings)
    if probabilities is None:
        raise FewshotLabError(NOTHING)
    return _figures(probabilities, gathered, class_names(project, gathered.class_ids))
