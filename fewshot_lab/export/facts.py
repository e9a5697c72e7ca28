"""Everything that is known of a classifier, gathered once: the report and the card draw it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fewshot_lab.export.licence import licence_facts
from fewshot_lab.export.metrics_json import figures
from fewshot_lab.export.predict_classifier import REQUIRES
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import audit_share, confounding_of, rule

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.evaluation import Decision
    from fewshot_lab.project import ProjectCore, TrainedClassifier

FORMAT = 1


def gather_facts(
    project: ProjectCore, classifier: TrainedClassifier, *, progress: Progress = silent
) -> tuple[dict[str, Any], Decision | None]:
    """Return what is known of a classifier, and the rule by which it decides.

    Nothing names a patient or a file; annotators are counted, not named.

    Returns
    -------
    dict
        ``about`` (data, backbone, classifier, versions), ``metrics`` (cross-validation, audit,
        confounders, probabilities, patients, grades, costs), ``flow`` (how many images came how
        far), ``strategy``, ``splits``, ``curve`` and ``agreement`` (each with ``reason``, a
        sentence, where there is none).
    Decision or None
    """
    fitted, training = classifier.fitted, classifier.training
    rows = {row.id: row for row in project.store.classes(include_retired=True)}
    classes = [
        {"id": int(i), "name": rows[int(i)].name, "color": rows[int(i)].color}
        for i in fitted.class_ids
    ]
    progress("measuring", 0, None)
    metrics = figures(project, classifier)
    metrics["confounders"] = confounding_of(project, fitted, training.ids)
    decision, rule_figures = rule(project, fitted, training.ids)
    metrics |= rule_figures
    facts = {
        "about": _about(project, classifier, classes),
        "metrics": metrics,
        "flow": _flow(project, classifier),
        "strategy": _strategy(project),
        "splits": _splits(project),
        "curve": _curve(project, fitted),
        "agreement": _agreement(project),
    }
    return facts, decision


def _flow(project: ProjectCore, classifier: TrainedClassifier) -> dict[str, int]:
    """Return how many images came how far, as STARD's flow diagram asks."""
    labels = project.store.labels()
    audit = project.store.audit_ids()
    kinds = Counter(label.kind for label in labels.values())
    embeddings = project.require_embeddings()
    return {
        "files": len(project.store.files()),
        "images": len(project.store.ids()),
        "embedded": len(embeddings.ids),
        "unlabelled": len(project.store.ids()) - len(labels),
        "labelled": kinds["class"],
        "unsure": kinds["unsure"],
        "reject": kinds["reject"],
        "machine": sum(label.machine and label.kind == "class" for label in labels.values()),
        "trained": len(classifier.training.ids),
        "audit_drawn": len(audit),
        "audit_labelled": sum(1 for i in audit if i in labels and labels[i].teaches),
    }


def _strategy(project: ProjectCore) -> dict[str, Any]:
    """Return how the labelled images were come by."""
    seen: Counter[str] = Counter()
    for event in project.store.events():
        if event.kind == "class":
            seen[str(event.strategy or event.view)] += 1
    draws = project.store.audit_draws()
    return {
        "label_events": dict(seen.most_common()),
        "audit_draws": len(draws),
        "audit_share": audit_share(project),
    }


def _splits(project: ProjectCore) -> dict[str, Any]:
    splits = project.splits.to_dict()
    groups = splits["groups"]
    return {
        "groups": {
            "noun": groups["rule"]["noun"],
            "kind": groups["rule"]["kind"],
            "count": groups["groups"],
            "without": groups["without"],
        },
        "near_duplicates": splits["near_duplicates"],
        "test_set": {
            key: value for key, value in splits["test_set"].items() if isinstance(value, int)
        },
    }


def _curve(project: ProjectCore, fitted: Fitted) -> dict[str, Any]:
    from fewshot_lab.project import advise

    advice = advise(project, fitted).to_dict()
    return advice if advice["next"] is not None else {"reason": advice["sentence"]}


def _agreement(project: ProjectCore) -> dict[str, Any]:
    from fewshot_lab.project import ProjectTeam

    team = ProjectTeam(project).report().to_dict()
    counts = {
        "annotators": len(team["people"]),
        "rule": team["rule"],
        "conflicts": len(team["conflicts"]),
        "decided": sum(each["decided"] for each in team["conflicts"]),
    }
    if team["kappa"] is None:
        why = (
            "One person labelled."
            if len(team["people"]) < 2
            else "No image was labelled by two people without sight of each other's label."
        )
        return {**counts, "reason": why}
    repeated = [p for p in team["people"] if p["self_agreement"] is not None]
    return {
        **counts,
        "kind": team["kind"],
        "kappa": team["kappa"],
        "weighted": team["weighted"],
        "agreement": team["agreement"],
        "images": team["images"],
        "pairs": len(team["pairs"]),
        "effect": team["effect"],
        "with_themselves": [
            {"agreement": p["self_agreement"], "kappa": p["self_kappa"], "images": p["repeats"]}
            for p in repeated
        ],
    }


def _about(
    project: ProjectCore, classifier: TrainedClassifier, classes: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what bundle.json holds but for what only a bundle has."""
    fitted, training = classifier.fitted, classifier.training
    card = project.backbone.card
    labels = project.store.labels()
    audit_ids = project.store.audit_ids()
    audit = Counter(
        label.class_id
        for image_id, label in labels.items()
        if image_id in audit_ids and label.teaches
    )
    trained = Counter(training.y.tolist())
    machine = Counter(
        label.class_id for label in labels.values() if label.machine and label.kind == "class"
    )
    leaks, _ = project.splits.check(training.ids, project.store.audit_ids())
    kinds = Counter(label.kind for label in labels.values())
    head = project.store.log_head()
    return {
        "format": FORMAT,
        "project": project.title,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "classes": [
            {
                **row,
                "trained": trained[row["id"]],
                "audit": audit[row["id"]],
                "machine": machine[row["id"]],
            }
            for row in classes
        ],
        "data": {
            "images": len(project.store.ids()),
            "files": len(project.store.files()),
            "annotators": len({who for by in project.store.opinions().values() for who in by}),
            "unsure": kinds["unsure"],
            "reject": kinds["reject"],
            "groups": leaks.groups,
            "leak_check": leaks.sentence,
            "log_hash": head.hash,
            "log_position": head.position,
        },
        "backbone": {
            **{name: getattr(card, name) for name in _CARD},
            "dimensions": int(training.X.shape[1]),
            "parts": project.require_embeddings().parts.sentence(),
            "fingerprint": project.backbone.fingerprint,
        },
        "licence": licence_facts(card),
        "preprocessing": project.backbone.preprocessing.to_dict(),
        "classifier": {
            "name": fitted.name,
            "title": fitted.title,
            "sentence": fitted.sentence,
            "parameters": fitted.parameters,
            "stages_read": fitted.reading.stages,
            "sites_left_out": fitted.reading.by_site,
            "calibration": fitted.calibration.sentence,
        },
        "versions": _versions(),
        "requires": REQUIRES,
    }


_CARD = ("name", "title", "source", "licence", "training", "note", "good_for", "leaks")


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    from fewshot_lab.version import __version__

    names = ("torch", "timm", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pillow")
    return {
        "fewshot-lab": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }
