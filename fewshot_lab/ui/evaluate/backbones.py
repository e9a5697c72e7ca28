"""Backbones on the same labels and draws: whether pretraining paid, and what it costs."""

from typing import Any

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import chart_parts, curve_charts, pages, work
from fewshot_lab.ui.choices import labels_to_use
from fewshot_lab.ui.evaluate.parts import (
    KINDS,
    backbone_titles,
    kinds_of_labels,
    results_and_job,
    too_few,
)
from fewshot_lab.ui.fragments import fragment, lead, muted
from fewshot_lab.words import count

VERB = "evaluate-backbones"


def show(project: Project) -> None:
    """Draw the newest comparison, the job at work, and the form for another."""
    kinds = kinds_of_labels(project)
    if not kinds:
        too_few("A comparison needs labels of two classes: yours, or reference labels.")
        return
    has_result, busy = results_and_job(project, VERB, "backbones", draw)
    if busy:
        return
    if not has_result:
        muted(
            "The same labels drawn for each backbone, the same images for "
            "testing: what differs is the backbone alone."
        )
    titles = backbone_titles(project, all_known=True)
    own = project.backbone_name
    names = [own, *(name for name in titles if name != own)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.multiselect(
            "Backbones (the first is compared with)",
            names,
            default=names[:2],
            format_func=titles.__getitem__,
            key="fl-compare-backbones",
        )
        labels = labels_to_use("Labels", kinds, "fl-compare-kind")
        ready = len(chosen) > 1
        if st.button("Compare", type="primary", disabled=not ready, key="fl-compare-start"):
            work.start(project, VERB, labels=labels, backbone=chosen)
            st.rerun()
    pages.link("backbone", "All backbones, and which suits your labels best", project.name)
    if len(names) < 2:
        st.caption("Only one backbone is at hand: pretrain one, or choose another for the project.")


def draw(comparison: dict[str, Any]) -> None:
    """Draw verdict, curves and table."""
    titles = comparison["titles"]
    for sentence in comparison["sentences"]:
        lead(sentence)
    figure = curve_charts.figure("labels per class", "balanced accuracy")
    colours = (chart_parts.GREY, *chart_parts.COLOURS)
    for (name, title), colour in zip(titles.items(), colours, strict=False):
        rows = sorted(
            (r for r in comparison["results"] if r["backbone"] == name), key=lambda r: r["shots"]
        )
        curve_charts.band_of(
            figure, rows, "shots", name=title, colour=colour, words="labels per class"
        )
    curve_charts.log_ticks(figure, sorted({r["shots"] for r in comparison["results"]}))
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.plotly_chart(figure, config=chart_parts.CONFIG, key="fl-backbones")
    with right:
        st.html(costs(comparison))
    st.html(table(comparison))
    draws = comparison["results"][0]["draws"]
    how = (
        f"By the app's classifier on {KINDS[comparison['labels']]}, {draws} paired draws, "
        f"{count(comparison['test_images'])} images for testing. {comparison['leak_check']} "
        f"Seconds on this machine, by {comparison['costs'][0]['embedded_sample']} images."
    )
    muted(how, small=True)


def costs(comparison: dict[str, Any]) -> str:
    """Return what each backbone costs, as HTML."""
    rows = [(comparison["titles"][row["backbone"]], row) for row in comparison["costs"]]
    return fragment("curves", "backbone_costs", rows, comparison["costs"][0]["fit_labels"])


def table(comparison: dict[str, Any]) -> str:
    """Return accuracy and differences, a row for each number of labels, as HTML."""
    accuracy = {
        (r["backbone"], r["shots"]): (r["balanced_accuracy"], *r["interval"])
        for r in comparison["results"]
    }
    gains = {
        (d["backbone"], d["shots"]): (d["difference"], *d["interval"])
        for d in comparison["differences"]
    }
    first, *others = comparison["titles"]
    rows = [
        (n, accuracy[first, n], [(accuracy[name, n], gains[name, n]) for name in others])
        for n in sorted({r["shots"] for r in comparison["results"]})
    ]
    titles = [comparison["titles"][name] for name in others]
    at_hand = comparison.get("at_hand")
    return fragment("curves", "backbones", comparison["titles"][first], titles, rows, at_hand)
