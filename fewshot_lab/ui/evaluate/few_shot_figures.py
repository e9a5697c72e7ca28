"""A few-shot curve as chart, tables and words."""

import itertools
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fewshot_lab.project import Project
from fewshot_lab.stats import difference_word
from fewshot_lab.ui import chart_parts, curve_charts
from fewshot_lab.ui.evaluate.few_shot_form import TITLES
from fewshot_lab.ui.evaluate.parts import KINDS, backbone_titles
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.words import count, plural

METRICS = {
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "auroc": "AUROC",
    "ece": "Calibration error (ECE)",
}


def chart(project: Project, curve: dict[str, Any], metric: str) -> go.Figure:
    """Return the curves of one figure, with the published values as thin grey lines."""
    titles = backbone_titles(project)
    figure = curve_charts.figure("labels per class", METRICS[metric].lower(), height=430)
    pairs = list(dict.fromkeys((r["backbone"], r["classifier"]) for r in curve["results"]))
    several = len({backbone for backbone, _ in pairs}) > 1
    # The app's own choice always has the accent.
    own = sorted(pairs, key=lambda pair: pair[1] != "default")
    colours = dict(zip(own, itertools.cycle(chart_parts.COLOURS), strict=False))
    for backbone, classifier in pairs:
        pair = backbone, classifier
        rows = [r for r in curve["results"] if (r["backbone"], r["classifier"]) == pair]
        rows.sort(key=lambda r: r["shots"])
        name = TITLES.get(classifier, classifier)
        if several:
            name = f"{name} · {titles.get(backbone, backbone)}"
        curve_charts.band(
            figure,
            [r["shots"] for r in rows],
            *zip(*(figures(r, metric) for r in rows), strict=True),
            name=name,
            colour=colours[pair],
            faint=0.12,
            words="labels per class",
        )
    ticks = sorted({r["shots"] for r in curve["results"]})
    published = curve.get("published")
    if published is not None and metric == "balanced_accuracy":
        curve_charts.reference(
            figure,
            published["shots"],
            published["rows"],
            f"published on {published['title']}, {published['shots']} per class",
        )
        ticks = sorted({*ticks, published["shots"]})
    curve_charts.log_ticks(figure, ticks)
    return figure


def figures(row: dict[str, Any], metric: str) -> tuple[float, float, float]:
    """Return value, low and high of a figure."""
    if metric == "balanced_accuracy":
        return row["balanced_accuracy"], row["interval"][0], row["interval"][1]
    return row[metric]["value"], row[metric]["low"], row[metric]["high"]


def method(curve: dict[str, Any], again: Sequence[int] = ()) -> str:
    """Say how it was measured, and which shots are not drawn."""
    draws = sorted({r["draws"] for r in curve["results"]})
    many = plural(draws[0], "draw") if len(draws) == 1 else f"{draws[0]} to {draws[-1]} draws"
    sentence = (
        f"{count(curve['images'])} images with {KINDS[curve['labels']]}, "
        f"{len(curve['classes'])} classes, {many}, {count(curve['test_images'])} images for "
        f"testing ({curve.get('split', 'a third')}). {curve['leak_check']} Bands: 95 %, "
        "hierarchical bootstrap over draws and test images (whole groups, where there are any)."
    )
    sentence += shortage(curve)
    if again:
        sentence += (
            f" {' and '.join(map(str, again))} per class would be the same labels: left out."
        )
    published = curve.get("published")
    if published is not None:
        sentence += (
            f" Grey: the paper's {published['title']}, "
            f"{'chosen' if published['chosen'] == 'by hand' else 'recognised'} "
            f"{published['chosen']}: {published['source']}, on its own test images and backbone."
        )
    return sentence


def shortage(curve: dict[str, Any]) -> str:
    """Say where classes had fewer labels than were asked of them."""
    sentences = ""
    for shots in sorted({row["shots"] for row in curve["short"]}):
        rows = [row for row in curve["short"] if row["shots"] == shots]
        drawn = sorted({row["drawn"] for row in rows})
        if len(rows) <= 2:
            each = ", ".join(f"{row['class']} ({row['drawn']})" for row in rows)
        else:
            few = f"{drawn[0]} to {drawn[-1]}" if len(drawn) > 1 else f"{drawn[0]}"
            each = f"{len(rows)} of {len(curve['classes'])} classes ({few})"
        sentences += f" Fewer than {shots} labels to draw: {each}."
    return sentences


def table(project: Project, curve: dict[str, Any]) -> str:
    """Return all figures with their intervals as HTML."""
    titles = backbone_titles(project)
    rows = [
        (
            r["shots"],
            TITLES.get(r["classifier"], r["classifier"]),
            titles.get(r["backbone"], r["backbone"]),
            [figures(r, metric) for metric in METRICS],
        )
        for r in curve["results"]
    ]
    return fragment("curves", "few_shot", METRICS.values(), rows)


def differences(project: Project, curve: dict[str, Any]) -> str:
    """Return the paired differences as HTML, in points."""
    titles = backbone_titles(project)
    rows = []
    for d in curve["differences"]:
        one = TITLES.get(d["classifier"], d["classifier"])
        other = TITLES.get(d["than_classifier"], d["than_classifier"])
        if d["backbone"] != d["than_backbone"]:
            one = f"{one} · {titles.get(d['backbone'], d['backbone'])}"
            other = titles.get(d["than_backbone"], d["than_backbone"])
        rows.append((d["shots"], one, other, (d["difference"], *d["interval"])))
    return fragment("curves", "differences", [(*row, difference_word(*row[3][1:])) for row in rows])
