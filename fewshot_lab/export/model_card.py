"""The model card: what a reader must know before trusting the classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fewshot_lab.export.licence import acceptance_words


def model_card(facts: Mapping[str, Any]) -> str:
    """Return MODEL_CARD.md.

    Parameters
    ----------
    facts : mapping
        As :func:`fewshot_lab.export.facts.gather_facts` returns it; ``about`` with what only a
        bundle has (``parity``).
    """
    about, metrics = facts["about"], facts["metrics"]
    parts = [
        f"# Model card: {about['project']}",
        "**For research only. This is not a medical device: it must not be used to diagnose, "
        "to treat, or to decide about a patient.**",
        _what(about),
        _data(about),
        _backbone(about["backbone"], about["licence"]),
        _classifier(about),
        _figures(metrics),
        _acting(metrics["probabilities"]),
        _labelling(facts),
        _limits(about, metrics),
        _use(about),
        _versions(about),
    ]
    return "\n\n".join(parts) + "\n"


def _what(about: Mapping[str, Any]) -> str:
    names = ", ".join(row["name"] for row in about["classes"])
    size = about["preprocessing"]["size"]
    return (
        "## What it does\n\n"
        f"Given one RGB picture it returns a calibrated probability for each of "
        f"{len(about['classes'])} classes: {names}. "
        f"The picture is made {size} x {size} pixels first (preprocessing.json)."
    )


def _data(about: Mapping[str, Any]) -> str:
    rows = [[row["name"], row["trained"], row["audit"], row["machine"]] for row in about["classes"]]
    total = ["all", *(sum(int(row[i]) for row in rows) for i in (1, 2, 3))]
    table = _table(
        [
            "class",
            "labels trained on",
            "audit labels (measured, not trained on)",
            "accepted in bulk from predictions (neither)",
        ],
        [*rows, total],
    )
    data = about["data"]
    lines = [
        "## Data",
        table,
        f"From {data['images']:,} images in {data['files']:,} files, labelled by "
        f"{_some(data['annotators'], 'annotator')}; "
        f"{data['unsure']:,} marked unsure and {data['reject']:,} as unusable took no part.",
        f"Leak check of training and audit images: {data['leak_check']}",
        f"SHA-256 of the label log: `{data['log_sha256']}` (position {data['log_position']}). "
        "labels.csv lists the labels used, with file names and annotators' names: look it "
        "through before you pass this folder on.",
    ]
    return "\n\n".join(lines)


def _some(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _backbone(backbone: Mapping[str, Any], licence: Mapping[str, Any]) -> str:
    lines = [
        "## Backbone",
        _table(
            ["", ""],
            [
                ["name", backbone["title"]],
                ["registry name", f"`{backbone['name']}`"],
                ["source", backbone["source"]],
                ["training", backbone["training"]],
                ["licence", f"{licence['name']} ({licence['class']})"],
                ["embedding", f"{backbone['dimensions']:,} numbers: {backbone['parts']}"],
                ["fingerprint", f"`{backbone['fingerprint']}`"],
            ],
        ),
        "It was not trained on the labels. Its licence applies to model.onnx.",
    ]
    if licence["conditions"]:
        lines.append(f"**{licence['conditions']}**")
    if licence["accepted"]:
        lines.append(acceptance_words(licence["accepted"]))
    if backbone["leaks"]:
        lines.append(f"It has seen in training, without labels: {backbone['leaks']}")
    if backbone["note"]:
        lines.append(str(backbone["note"]))
    return "\n\n".join(lines)


def _classifier(about: Mapping[str, Any]) -> str:
    classifier = about["classifier"]
    settings = ", ".join(
        f"{key} = {_plain(value)}" for key, value in classifier["parameters"].items()
    )
    lines = [
        "## Classifier and calibration",
        f"{classifier['title']}" + (f" ({settings})." if settings else "."),
    ]
    if classifier["sentence"]:
        lines.append(str(classifier["sentence"]))
    lines.append(str(classifier["calibration"]))
    if classifier["name"].startswith("paper-"):
        lines.append("Its probabilities are as the paper's recipe gives them.")
    else:
        lines.append(
            "Its probabilities are calibrated on the labels, by cross-validation, for classes that "
            "come equally often. Where some are rarer, multiply each probability by how often "
            "its class comes and divide by their sum."
        )
    return "\n\n".join(lines)


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figures(metrics: Mapping[str, Any]) -> str:
    lines = ["## How good it was found to be"]
    cv, audit = metrics["cross_validation"], metrics["audit"]
    if cv.get("balanced_accuracy"):
        lines.append(
            "**Cross-validation** on the labels: balanced accuracy "
            f"{_interval(cv['balanced_accuracy'])}. "
            "The labelled images were chosen by people and by suggestions, so this is not what "
            "to expect on images as they come."
        )
        lines.append(f"Leak check of its folds: {cv['leak_check']['sentence']}")
        lines.append(_recall(cv))
        lines.append(_confusion(cv))
    else:
        lines.append(f"**Cross-validation**: none. {cv['reason']}")
    if audit.get("accuracy"):
        stated = "accuracy"
        if audit["balanced_accuracy"]:
            stated = f"balanced accuracy {_interval(audit['balanced_accuracy'])}, accuracy"
        lines.append(
            f"**Audit** on images drawn at random and never trained on: {stated} "
            f"{_interval(audit['accuracy'])}. {_quotable(audit)}"
        )
        lines.append(_drawn(audit["drawn"]))
        lines.append(f"Leak check: {audit['leak_check']['sentence']}")
        lines.append(_by_class(audit))
        lines.append(_confusion(audit))
    else:
        lines.append(f"**Audit**: none. {audit['reason']}")
    test = metrics["test_set"]
    if test.get("balanced_accuracy"):
        lines.append(
            f"**Reference test set** ({test['by']}), never trained on: balanced accuracy "
            f"{_interval(test['balanced_accuracy'])}, accuracy {_interval(test['accuracy'])}. "
            f"Of its classes {test['labelled']:,} were given by people here and "
            f"{test['referenced']:,} came with the images. "
            f"Leak check: {test['leak_check']['sentence']}"
        )
        lines.append(_by_class(test))
        lines.append(_confusion(test))
    return "\n\n".join(lines)


def _acting(found: Mapping[str, Any]) -> str:
    """Say what follows from the probabilities in this bundle."""
    head = "## Acting on the probabilities"
    if "threshold" not in found:
        return f"{head}\n\n{found['reason']} No rule is in decision.json."
    lines = [
        head,
        "decision.json holds the rule that predict.py applies (columns decision, prediction_set, "
        "unlike, similarity).",
        f"**Calibration.** {found['reliability']['sentence']}",
        f"**Threshold.** {found['threshold']['sentence']}",
        f"**Prediction sets.** {found['sets']['sentence']}",
        f"**Unlike anything labelled.** {found['unlike']['sentence']} Such images are referred. "
        "reference.npz holds the embeddings of the labelled images for this, no picture and no "
        "name.",
    ]
    return "\n\n".join(lines)


def _labelling(facts: Mapping[str, Any]) -> str:
    """Say how the labels were come by, and what more of them would bring."""
    agreement, curve = facts["agreement"], facts["curve"]
    lines = ["## Labelling", f"How images were come by: {ways(facts['strategy'])}."]
    lines.append(f"Several opinions on an image: {agreement['rule']}. {agreed(agreement)}")
    if agreement["conflicts"]:
        lines.append(
            f"People differ on {_some(agreement['conflicts'], 'image')}; a senior decided "
            f"{agreement['decided']:,} of them."
        )
    lines.append(str(curve.get("sentence") or curve["reason"]))
    return "\n\n".join(lines)


def ways(strategy: Mapping[str, Any]) -> str:
    """Return by which ways images came to their labels."""
    names = {
        "grid": "the grid", "map": "the map", "import": "imported labels", "script": "a script",
        "suggestion": "suggestions", "neighbours": "neighbours", "suspects": "suspects",
        "search": "a search", "class": "a class", "audit": "drawn at random (audit)",
    }  # fmt: skip
    events = strategy["label_events"]
    if not events:
        return "no label yet"
    return ", ".join(f"{names.get(key, key)} ({count:,})" for key, count in events.items())


def agreed(agreement: Mapping[str, Any]) -> str:
    """Return how far the annotators agree."""
    if "reason" in agreement:
        return str(agreement["reason"])
    kappa, raw = agreement["kappa"], agreement["agreement"]
    told = (
        f"{kappa['value']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f})"
        if kappa["value"] is not None
        else "cannot be told, since all gave them one class"
    )
    return (
        f"{agreement['kind']} {told}, raw agreement {raw['value']:.2f} "
        f"({raw['low']:.2f} to {raw['high']:.2f}), on "
        f"{_some(agreement['images'], 'image')} that two or more labelled independently."
    )


def _interval(interval: Mapping[str, Any]) -> str:
    if interval["value"] is None:
        return "could not be measured, n = 0"
    return (
        f"{interval['value']:.3f} (95 % interval {interval['low']:.3f} to "
        f"{interval['high']:.3f}), n = {interval['n']:,}"
    )


def _drawn(counts: Mapping[str, int]) -> str:
    return (
        f"It speaks for the {counts['pool']:,} images of the pool: {counts['drawn']:,} drawn, "
        f"{counts['labelled']:,} labelled, {counts['unsure']:,} marked unsure and "
        f"{counts['rejected']:,} unusable (in no figure), {counts['waiting']:,} not yet labelled."
    )


def _quotable(audit: Mapping[str, Any]) -> str:
    """Say whether the audit's figure may be quoted: not while classes are missing from it."""
    if audit.get("reason"):
        return str(audit["reason"])
    unseen = [name for name, recall in audit["recall"].items() if not recall["n"]]
    if not unseen:
        return "This is the figure to quote."
    return (
        f"Not yet one to quote: no audit image of {len(unseen)} of the {len(audit['recall'])} "
        "classes has been labelled, and its balanced accuracy leaves them out "
        f"({', '.join(unseen)})."
    )


def _by_class(figures: Mapping[str, Any]) -> str:
    rows = [
        [name, *(_interval(figures[key][name]) for key in ("recall", "precision", "prevalence"))]
        for name in figures["recall"]
    ]
    return _table(["class", "recall", "precision", "prevalence in the pool"], rows)


def _recall(figures: Mapping[str, Any]) -> str:
    rows = [[name, _interval(interval)] for name, interval in figures["recall"].items()]
    return _table(["class", "recall"], rows)


def _confusion(figures: Mapping[str, Any]) -> str:
    confusion = figures["confusion"]
    rows = [
        [name, *(f"{value:,}" for value in row)]
        for name, row in zip(confusion["classes"], confusion["counts"], strict=True)
    ]
    return "Confusion (rows: the label, columns: the prediction):\n\n" + _table(
        ["label", *confusion["classes"]], rows
    )


def _limits(about: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    limits = [
        "Its most probable class is always one of its own, whatever the picture shows: look at "
        "the columns decision and unlike, which cannot find everything that is foreign.",
        "It was made from the images of one project: other scanners, stains, sites and "
        "populations were not tried.",
        "Subgroups (age, sex, skin tone, site) were not measured.",
    ]
    if limit := stages_limit(about["classifier"]):
        limits.append(limit)
    few = [row["name"] for row in about["classes"] if row["trained"] < 10]
    if few:
        limits.append(f"Fewer than 10 labels were trained on for: {', '.join(few)}.")
    if not metrics["audit"].get("accuracy"):
        limits.append("No accuracy on randomly drawn images is known (see Audit).")
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def stages_limit(classifier: Mapping[str, Any]) -> str:
    """Return what a reader must know of inner stages that were tried at one site only, or ""."""
    if not classifier["stages_read"] or classifier["sites_left_out"]:
        return ""
    return (
        "It reads inner stages of the network, which also see scanner and stain, and this was not "
        "tested on another site: measure it on images of yours before you use it elsewhere."
    )


def _use(about: Mapping[str, Any]) -> str:
    trusted = about["classifier"]["skops_trusted"]
    trust = f", trusted={trusted}" if trusted else ""
    size = about["preprocessing"]["size"]
    lines = [
        "## How to use it",
        "```\npip install onnxruntime numpy pillow\n"
        "python predict.py FOLDER --out predictions.csv\n```",
        f"model.onnx takes `images`, uint8 (n, {size}, {size}, 3), and gives `probabilities` "
        f"(n, {len(about['classes'])}) in the order of classes.json, and `embedding` "
        f"(n, {about['backbone']['dimensions']}). predict.py shows how pictures are read and "
        "resized. For scikit-learn, on embeddings (the answer is a class id):",
        f'```python\nimport skops.io\nclassifier = skops.io.load("classifier.skops"{trust})\n```',
    ]
    return "\n\n".join(lines)


def _versions(about: Mapping[str, Any]) -> str:
    parity = about["parity"]
    checked = (
        f"Before it was offered, this folder was read back and tried on {parity['n_images']} "
        f"stored images: its probabilities differ from the app's by at most "
        f"{parity['max_difference']:.1g}."
    )
    if parity["recomputed"]:
        checked += (
            " The stored embeddings were computed in bf16 on a GPU; the comparison is with "
            "embeddings computed again in fp32. Against the stored ones the difference is "
            f"{parity['stored_difference']:.1g}."
        )
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"## Made with\n\n{checked}\n\nMade on {about['created']} with {versions}."


def _table(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
