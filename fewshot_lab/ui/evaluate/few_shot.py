"""The paper's protocol on data with reference labels: start it, watch it, look at its curves."""

from functools import partial
from typing import Any

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import chart_parts
from fewshot_lab.ui.choices import segments
from fewshot_lab.ui.evaluate.few_shot_figures import METRICS, chart, differences, method, table
from fewshot_lab.ui.evaluate.few_shot_form import VERB, form
from fewshot_lab.ui.evaluate.parts import kinds_of_labels, results_and_job, too_few
from fewshot_lab.ui.fragments import muted


def show(project: Project) -> None:
    """Draw the newest curve, the job at work, and the form for a new one."""
    kinds = kinds_of_labels(project)
    if not kinds:
        too_few("A few-shot curve needs two classes with reference labels, or labels of your own.")
        return
    has_result, busy = results_and_job(project, VERB, "nshot", partial(draw, project))
    if busy:
        return
    if not has_result:
        muted(
            "Labels are drawn at random per class, classifiers trained on "
            "them, and tested on images that are never drawn: the protocol of Nielsen et al. 2023."
        )
    with st.expander("A new curve", expanded=not has_result):
        form(project, kinds)


def exhausted(curve: dict[str, Any]) -> list[int]:
    """Return the shots that draw the labels of fewer shots once more: no class has any left."""
    shots = sorted({row["shots"] for row in curve["results"]})
    short = [row["shots"] for row in curve["short"]]
    return [n for n in shots if short.count(n) == len(curve["classes"])][1:]


def without(curve: dict[str, Any], shots: list[int]) -> dict[str, Any]:
    """Return a curve without some of its shots."""
    kept = {
        key: [row for row in curve[key] if row["shots"] not in shots]
        for key in ("results", "differences", "short")
    }
    return curve | kept


def draw(project: Project, curve: dict[str, Any]) -> None:
    """Draw a curve with its table."""
    again = exhausted(curve)
    curve = without(curve, again)
    metric = segments("Figure", METRICS, key="fl-nshot-metric", label_visibility="collapsed")
    st.plotly_chart(chart(project, curve, metric), config=chart_parts.CONFIG, key="fl-nshot")
    muted(method(curve, again), small=True)
    with st.expander("Table"):
        st.html(table(project, curve))
    if curve["differences"]:
        with st.expander("Differences, paired draw by draw"):
            st.html(differences(project, curve))
