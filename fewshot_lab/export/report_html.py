"""The report as one HTML page that asks nothing of any other place, and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from fewshot_lab.export.model_card import agreed, stages_limit, ways
from fewshot_lab.export.svg import GREY, Axes, span

Facts = Mapping[str, Any]

MANY = 12  # classes, from which on the matrix's columns are numbered
STYLE = Path(__file__).with_name("report.css")


def report_html(facts: Facts) -> str:
    """Return the report.

    Parameters
    ----------
    facts : mapping
        As :func:`fewshot_lab.export.facts.gather_facts` returns it.
    """
    about = facts["about"]
    parts = [
        f"<h1>{escape(about['project'])}</h1>",
        f"<p class='muted'>Report on a few-shot image classifier, {escape(about['created'])}. "
        f"Log position {about['data']['log_position']:,}.</p>",
        "<p class='warn'><b>For research only; not a medical device.</b> It must not be used to "
        "diagnose, to treat, or to decide about a patient.</p>",
        _summary(facts),
        _data(facts),
        _reference(facts),
        _classifier(facts),
        _splits(facts),
        _accuracy(facts),
        _curve(facts["curve"]),
        _probabilities(facts["metrics"]["probabilities"]),
        _limits(facts),
        _reproduce(about),
        _checklist(),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(about['project'])}: report</title>"
        f"<style>{STYLE.read_text('utf-8')}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


# -- pieces -----------------------------------------------------------------------------------


def _interval(found: Mapping[str, Any], digits: int = 2) -> str:
    if found.get("value") is None or not found.get("n", 1):
        return "could not be measured"
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f}–{found['high']:.{digits}f})"


def _said(text: Any) -> str:
    return escape(str(text)).replace(" %", "&nbsp;%")


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    """Return a table of HTML cells; the given columns hold numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        return (
            "<tr>"
            + "".join(
                f"<{tag}{' class=n' if i in numbers else ''}>{cell}</{tag}>"
                for i, cell in enumerate(cells)
            )
            + "</tr>"
        )

    body = "".join(line(row, "td") for row in rows)
    return f"<table class=wide><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<tr><td>{escape(a)}</td><td>{b}</td></tr>" for a, b in rows)
    return f"<table class=facts>{body}</table>"


def _summary(facts: Facts) -> str:
    about, metrics = facts["about"], facts["metrics"]
    audit, cv = metrics["audit"], metrics["cross_validation"]
    boxes = []
    if audit.get("accuracy"):
        which = "balanced_accuracy" if audit["balanced_accuracy"] else "accuracy"
        title = f"{which.capitalize().replace('_', ' ')}, audit"
        boxes.append((title, audit[which], "images drawn at random"))
    test = metrics["test_set"]
    if test.get("balanced_accuracy"):
        title = "Balanced accuracy, reference test set"
        boxes.append((title, test["balanced_accuracy"], "images"))
    if cv.get("balanced_accuracy"):
        boxes.append(
            ("Balanced accuracy, cross-validation", cv["balanced_accuracy"], "labelled images")
        )
    cells = [
        f"<div><span>{escape(title)}</span><b>{found['value']:.2f}</b>"
        f"<span>95 % interval {found['low']:.2f}–{found['high']:.2f}, n = {found['n']:,} "
        f"{escape(on)}</span></div>"
        for title, found, on in boxes
        if found["value"] is not None
    ]
    names = ", ".join(row["name"] for row in about["classes"])
    found = metrics["probabilities"]
    lines = [
        f"<p>One image in, a calibrated probability for each of {len(about['classes'])} classes "
        f"out: {escape(names)}. {escape(str(about['classifier']['title']))} on a frozen backbone "
        f"({escape(str(about['backbone']['title']))}), trained on {facts['flow']['trained']:,} "
        f"labelled images.</p>"
    ]
    if "threshold" in found:
        lines.append(f"<p>{_said(found['threshold']['sentence'])}</p>")
    quote = (
        "The figure to quote is the audit's: its images were drawn at random and trained nothing."
        if audit.get("balanced_accuracy")
        else str(audit["reason"])
        if audit.get("accuracy")
        else f"No figure describes images as they come: {audit['reason']}"
    )
    lines.append(f"<p class=muted>{_said(quote)}</p>")
    return f"<h2>1. In short</h2><div class=key>{''.join(cells)}</div>{''.join(lines)}"


def _data(facts: Facts) -> str:
    about, flow = facts["about"], facts["flow"]
    rows = [
        ("Files imported", f"{flow['files']:,}"),
        ("Different images (by pixels)", f"{flow['images']:,}"),
        ("Embedded by the backbone", f"{flow['embedded']:,}"),
        ("Not labelled", f"{flow['unlabelled']:,}"),
        ("Marked unsure, left out", f"{flow['unsure']:,}"),
        ("Marked unusable, left out", f"{flow['reject']:,}"),
        ("Accepted in bulk from predictions, left out", f"{flow['machine']:,}"),
        ("Labelled with a class", f"{flow['labelled']:,}"),
        ("Trained on", f"{flow['trained']:,}"),
        (
            "Drawn at random for the audit",
            f"{flow['audit_drawn']:,}, of them labelled {flow['audit_labelled']:,}",
        ),
    ]
    classes = [
        [
            escape(row["name"]),
            f"{row['trained']:,}",
            f"{row['audit']:,}",
            f"{row['machine']:,}",
        ]
        for row in about["classes"]
    ]
    head = ["Class", "Trained on", "Audit, measured only", "Accepted in bulk, neither"]
    return (
        "<h2>2. Images and labels</h2><h3>From files to labels</h3>"
        f"{_facts(rows)}<h3>Labels by class</h3>{_table(head, classes, numbers=(1, 2, 3))}"
        f"<p>How images were chosen for labelling: {_said(ways(facts['strategy']))}. The audit "
        "images were drawn by chance alone, on record before anybody saw them.</p>"
    )


def _reference(facts: Facts) -> str:
    agreement = facts["agreement"]
    count = agreement["annotators"]
    lines = [
        f"<p>{count:,} {'annotator' if count == 1 else 'annotators'} (names are left out). "
        f"Several opinions on an image become one label by this rule: "
        f"{_said(agreement['rule'])}.</p><p>{_said(agreed(agreement))}</p>"
    ]
    lines += [
        f"<p>One annotator with themselves on {each['images']:,} hidden repeats: agreement "
        f"{_interval(each['agreement'])}.</p>"
        for each in agreement.get("with_themselves", ())
    ]
    return f"<h2>3. Reference standard: who labelled, and how well they agree</h2>{''.join(lines)}"


def _classifier(facts: Facts) -> str:
    about = facts["about"]
    classifier, backbone, licence = about["classifier"], about["backbone"], about["licence"]
    settings = ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in classifier["parameters"].items()
    )
    rows = [
        ("Classifier", escape(f"{classifier['title']}{f' ({settings})' if settings else ''}")),
        ("Chosen", _said(classifier["sentence"])),
        ("Calibration", _said(classifier["calibration"])),
        ("Backbone", escape(str(backbone["title"]))),
        ("Its source", escape(str(backbone["source"]))),
        ("Its training", escape(str(backbone["training"]))),
        ("Its licence", escape(f"{licence['name']} ({licence['class']})")),
        ("It asks", _said(licence["conditions"] or "nothing but to be named")),
        ("Its fingerprint", f"<code>{escape(str(backbone['fingerprint']))}</code>"),
        (
            "Input",
            f"{about['preprocessing']['size']} x {about['preprocessing']['size']} pixels, RGB",
        ),
    ]
    if backbone["leaks"]:
        rows.append(("It has seen, without labels", _said(backbone["leaks"])))
    if backbone["note"]:
        rows.append(("Note", escape(str(backbone["note"]))))
    return f"<h2>4. Index test: backbone and classifier</h2>{_facts(rows)}"


def _splits(facts: Facts) -> str:
    splits, data = facts["splits"], facts["about"]["data"]
    groups, near = splits["groups"], splits["near_duplicates"]
    rows = [
        ("Leak check, training against audit", f"<b>{_said(data['leak_check'])}</b>"),
        (
            "Groups",
            f"{groups['count']:,} ({escape(groups['noun'])}); {groups['without']:,} images "
            "without one count each for itself",
        ),
        (
            "Near-duplicates",
            f"joined above a cosine of {near['threshold']:.3f}: {near['joined']:,} pairs; "
            f"released by a person: {near['released']:,}; of different groups, not joined: "
            f"{near['not_joined']:,}",
        ),
        ("Reference test set", f"{splits['test_set'].get('images', 0):,} images"),
    ]
    note = (
        "Images of one group, and near-duplicates, are never on both sides of a split: not in "
        "cross-validation, not between training and audit."
    )
    if not groups["count"]:
        note += (
            " No groups were given: if several images of one patient are among them, the figures "
            "by cross-validation are too high."
        )
    return f"<h2>5. Splits that do not leak</h2>{_facts(rows)}<p>{_said(note)}</p>"


def _accuracy(facts: Facts) -> str:
    audit, cv = facts["metrics"]["audit"], facts["metrics"]["cross_validation"]
    test = facts["metrics"]["test_set"]
    parts = ["<h2>6. Accuracy</h2>"]
    told = [
        (
            "On audit images, drawn at random and never trained on",
            audit,
            "This is what to expect of images like those of the pool.",
        ),
        (
            "By cross-validation on the labelled images",
            cv,
            "These images were chosen by people and by suggestions, which pick hard ones; so this "
            "is not what to expect of images as they come. It is shown for comparison.",
        ),
    ]
    if test.get("recall"):
        words = (
            f"The classes of {test['labelled']:,} images were given by people here, those of "
            f"{test['referenced']:,} came with the images. {_said(test['leak_check']['sentence'])}"
        )
        title = f"On the reference test set ({escape(test['by'])}), never trained on"
        told.insert(1, (title, test, words))
    for title, found, words in told:
        parts.append(f"<h3>{title}</h3>")
        accuracy = found["balanced_accuracy"]
        if not accuracy:
            parts.append(f"<p>{_said(found['reason'])}</p>")
        if not found.get("recall"):
            continue
        if accuracy:
            parts.append(
                f"<p>Balanced accuracy <b>{_interval(accuracy)}</b>, n = {accuracy['n']:,}. "
                f"{words}</p>"
            )
        if isinstance(found.get("accuracy"), Mapping):
            parts.append(f"<p>Accuracy {_interval(found['accuracy'])}.</p>")
        parts.append(_per_class(found))
        parts.append(_confusion(found["confusion"]))
    parts.append(
        "<p class=muted>Intervals are 95 %: Wilson's, at the number of independent images where "
        "images have groups.</p>"
    )
    return "".join(parts)


def _per_class(found: Mapping[str, Any]) -> str:
    more = [
        (key, title)
        for key, title in (("precision", "Precision"), ("prevalence", "Prevalence"))
        if isinstance(found.get(key), Mapping) and found[key]
    ]
    rows = []
    for name, recall in found["recall"].items():
        drawn = ""
        if recall["value"] is not None:
            drawn = span(recall["value"], recall["low"], recall["high"])
        cells = [escape(name), drawn, _interval(recall), f"{recall['n']:,}"]
        for key, _ in more:
            value = found[key].get(name)
            cells.append(_interval(value) if value else "–")
        rows.append(cells)
    head = ["Class", "from 0 to 1", "Recall (95 % interval)", "n", *(title for _, title in more)]
    return _table(head, rows, numbers=(2, 3, 4, 5))


def _confusion(confusion: Mapping[str, Any]) -> str:
    """Return the matrix; the columns of many classes are numbered, so that a page holds them."""
    names, counts = confusion["classes"], confusion["counts"]
    columns, kind = names, ""
    if len(names) > MANY:
        columns, kind = range(1, len(names) + 1), " class=many"
        names = [f"{name} · {number}" for name, number in zip(names, columns, strict=True)]
    head = "".join(f"<th class=col>{escape(str(name))}</th>" for name in columns)
    body = []
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = sum(row) or 1
        cells = []
        for j, value in enumerate(row):
            colour = "15,118,110" if i == j else "163,58,42"
            text = f"{value:,}" if value else "·"
            cells.append(
                f"<td style='background:rgba({colour},{0.55 * value / total:.2f})'>{text}</td>"
            )
        body.append(f"<tr><th class=row>{escape(str(name))}</th>{''.join(cells)}</tr>")
    return (
        f"<figure class=confusion><table{kind}><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table><figcaption>Rows: label. Columns: prediction."
        "</figcaption></figure>"
    )


def _curve(curve: Mapping[str, Any]) -> str:
    title = "<h2>7. Learning curve: what more labels would bring</h2>"
    if "reason" in curve:
        return f"{title}<p>{_said(curve['reason'])}</p>"
    seen = [each for each in curve["sizes"] if each["balanced_accuracy"]["value"] is not None]
    ahead = [each for each in curve["ahead"] if each["balanced_accuracy"]["value"] is not None]
    chart = ""
    if seen:
        lows = [each["balanced_accuracy"]["low"] for each in (*seen, *ahead)]
        highs = [each["balanced_accuracy"]["high"] for each in (*seen, *ahead)]
        most = max(each["labels"] for each in (*seen, *ahead))
        axes = Axes(
            (0, most * 1.02),
            (max(0.0, min(lows) - 0.03), min(1.0, max(highs) + 0.03)),
            ("labels", "balanced accuracy"),
            percent=(False, False),
            size=(760, 260),
        )
        for part, dash in ((seen, ""), (ahead, "5 4")):
            if not part:
                continue
            x = [each["labels"] for each in part]
            low, value, high = (
                [each["balanced_accuracy"][key] for each in part]
                for key in ("low", "value", "high")
            )
            axes.band(x, low, high)
            axes.line(x, value, dash=dash)
        axes.line([curve["labels"]] * 2, axes.y, colour=GREY, width=1, dash="2 3")
        axes.note(curve["labels"], axes.y[0], "now", anchor="end")
        chart = (
            f"<figure>{axes.svg('Learning curve')}<figcaption>Measured (line) and expected "
            "(dashed), with 95 % intervals, "
            f"on {escape(str(curve['tested_on']))}.</figcaption></figure>"
        )
    rows = [
        [
            escape(each["name"]),
            f"{each['labels']:,}",
            _said(each["advice"].removeprefix(f"{each['name']}: ")),
        ]
        for each in curve["classes"]
    ]
    table = _table(["Class", "Labels", "Advice"], rows, numbers=(1,))
    return f"{title}<p>{_said(curve['sentence'])}</p>{chart}{table}"


def _probabilities(found: Mapping[str, Any]) -> str:
    title = "<h2>8. Acting on the probabilities</h2>"
    if "threshold" not in found:
        return f"{title}<p>{_said(found['reason'])}</p>"
    threshold, curve = found["threshold"], found["risk_coverage"]
    top = min(1.0, max(3 * threshold["target_error"], 1.4 * max(curve["error"]), 0.1))
    risk = Axes((0, 1), (0, top), ("share of images decided", "wrong among them"))
    risk.band(curve["coverage"], curve["low"], curve["high"])
    risk.line(curve["coverage"], curve["error"])
    risk.line([0, 1], [threshold["target_error"]] * 2, colour=GREY, width=1, dash="3 3")
    bins = found["reliability"]["bins"]
    low = max(0.0, min(min(b["confidence"], b["low"]) for b in bins) - 0.05)
    diagram = Axes((low, 1.02), (low, 1.02), ("probability", "share right"))
    diagram.line([low, 1], [low, 1], colour=GREY, width=1, dash="3 3")
    for each in bins:
        diagram.point(each["confidence"], each["value"], each["low"], each["high"])
    parts = [
        title,
        f"<h3>Threshold</h3><p>{_said(threshold['sentence'])}</p>",
        "<div class=two>",
        f"<figure>{risk.svg('Risk-coverage curve')}<figcaption>Risk-coverage curve; dashed: the "
        "error wanted.</figcaption></figure>",
        f"<figure>{diagram.svg('Reliability diagram')}<figcaption>Reliability diagram: "
        f"{len(bins)} bins of equal numbers of images.</figcaption></figure></div>",
        f"<h3>Calibration</h3><p>{_said(found['calibration']['sentence'])} "
        f"{_said(found['reliability']['sentence'])} Expected calibration error, less what chance "
        f"makes of it; not corrected it is {100 * found['reliability']['plain']:.1f}&nbsp;%.</p>",
    ]
    if threshold["by_class"]:
        rows = [
            [
                escape(name),
                "–" if each["value"] is None else f"{each['value']:.2f}",
                _interval(each["coverage"]),
                "–" if each["value"] is None else _interval(each["error"]),
                f"{each['error']['n']:,}",
                escape(each["rule"]),
            ]
            for name, each in threshold["by_class"].items()
        ]
        head = ["Predicted class", "From", "Decided", "Wrong among the decided", "n", "Error"]
        parts.append(_table(head, rows, numbers=(1, 2, 3, 4)))
    sets = found["sets"]
    rows = [
        [
            escape(name),
            span(each["value"], each["low"], each["high"], mark=sets["promised"])
            if each["n"]
            else "",
            _interval(each),
            f"{each['n']:,}",
        ]
        for name, each in sets["by_class"].items()
    ]
    parts += [
        f"<h3>Prediction sets ({escape(sets['method'].upper())})</h3>",
        f"<p>{_said(sets['sentence'])}</p>",
        _table(
            ["True class", "from 0 to 1", "In the set (95 % interval)", "n"], rows, numbers=(2, 3)
        ),
        f"<h3>Unlike anything labelled</h3><p>{_said(found['unlike']['sentence'])}</p>",
    ]
    return "".join(parts)


def _limits(facts: Facts) -> str:
    about = facts["about"]
    limits = [
        "The images come from one project: other scanners, stains, sites and populations were "
        "not tried.",
        "Subgroups (age, sex, skin tone, site) were not measured.",
        "Its most probable class is always one of its own, whatever the image shows.",
        "Probabilities are calibrated for classes that come equally often.",
    ]
    if limit := stages_limit(about["classifier"]):
        limits.append(limit)
    few = [row["name"] for row in about["classes"] if row["trained"] < 10]
    if few:
        limits.append(f"Fewer than 10 labels were trained on for: {', '.join(few)}.")
    if not facts["metrics"]["audit"].get("accuracy"):
        limits.append("No accuracy on randomly drawn images is known.")
    items = "".join(f"<li>{_said(limit)}</li>" for limit in limits)
    return f"<h2>9. Limits</h2><ul>{items}</ul>"


def _reproduce(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    rows = [
        ("SHA-256 of the label log", f"<code>{escape(about['data']['log_sha256'])}</code>"),
        ("Position of the log", f"{about['data']['log_position']:,}"),
        ("Versions", escape(versions)),
        ("Made", escape(about["created"])),
    ]
    return f"<h2>10. To reproduce it</h2>{_facts(rows)}"


def _checklist() -> str:
    """Return where a reader finds what STARD 2015 asks for, and what only the authors know."""
    rows = [
        ("Identification and sampling of images (7, 9)", "2"),
        ("Index test and its cut-offs (10a, 12a)", "4, 8"),
        ("Reference standard and its rationale (10b)", "3"),
        ("Estimating accuracy; indeterminate and missing results (14–16)", "2, 5, 6, 8"),
        ("Flow of images (19)", "2"),
        ("Cross tabulation; estimates with their precision (23, 24)", "6"),
        ("Limitations (26)", "9"),
    ]
    left = (
        "Left to you: the clinical question, setting, dates, eligibility, patients' "
        "characteristics, intended sample size, who saw which clinical information, ethics, "
        "registration, protocol and funding."
    )
    table = _table(["STARD 2015 (item)", "Section"], [[escape(a), escape(b)] for a, b in rows])
    return f"<h2>11. Where to find what a reviewer asks for</h2>{table}<p>{left}</p>"
