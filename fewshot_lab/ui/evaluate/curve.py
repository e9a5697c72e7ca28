"""The learning curve of the labels at hand: where it stands, where it goes, when to stop."""

from typing import Any

import streamlit as st

from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.ui import curve_charts, pages
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.words import count, escape, shortened

ALL, WHOLE = -1, "All classes"
ROOM = 28  # characters of a class's name beside the chart
_RECALL = (
    "At the last point of the curve: with fewer labels than Accuracy shows, and scaled to the "
    "audit images where the line below says so"
)


def show(project: Project) -> None:
    """Draw the curve; until that of the newest labels is there, look again every second."""
    session = LiveSession.of(project)
    advice = session.advisor.advice
    older = advice is None or advice.position < project.store.position()
    stale = older or session.advisor.behind
    if older:
        session.notify()

    @st.fragment(run_every=1.0 if stale else None)
    def figures() -> None:
        with sentences():
            found, behind = session.advisor.advice, session.advisor.behind
            if found is not None:
                behind = behind or found.position < project.store.position()
                if stale and not behind:
                    st.rerun()
            message = session.snapshot.message
            if found is None and message:
                if empty(message, "Label images", key="curve"):
                    pages.go("label", project.name)
                return
            if found is None:
                st.html('<div class="fl-muted">Measuring the curve of the newest labels.</div>')
                return
            draw(project, found.to_dict(), behind=behind)

    figures()


def draw(project: Project, advice: dict[str, Any], *, behind: bool = False) -> None:
    """Draw the curve with the advice beside it, and say if a newer one is on its way."""
    newer = "<span class='fl-muted fl-small'> Being measured anew …</span>" if behind else ""
    st.html(f'<p class="fl-lead">{escape(advice["sentence"])}{newer}</p>')
    if advice["next"] is None:
        pages.link("label", "Label images", project.name)
        return
    left, right = st.columns([11, 9], gap="medium")
    with left:
        names = {each["class_id"]: each["name"] for each in advice["classes"]}
        chosen = st.selectbox(
            "Curve",
            [ALL, *names],
            format_func=lambda k: WHOLE if k == ALL else names[k],
            key="fl-curve-class",
            label_visibility="collapsed",
        )
        st.plotly_chart(
            curve_charts.learning_curve(advice, None if chosen == ALL else chosen),
            config=curve_charts.CONFIG,
            key="fl-curve",
        )
    with right:
        st.html(table(project, advice))
    st.html(f'<div class="fl-small fl-muted">{escape(how(advice))}</div>')


def table(project: Project, advice: dict[str, Any]) -> str:
    """Return what each class has and what more labels of it promise, as HTML."""
    colours = {row.id: row.color for row in project.store.classes(include_retired=True)}
    rows = []
    for each in advice["classes"]:
        colour = escape(colours.get(each["class_id"], ""))
        name = (
            f"<td title='{escape(each['name'])}'><i class='fl-dot' style='background:{colour}'></i>"
            f"{escape(shortened(each['name'], ROOM))}</td>"
        )
        now = each["recall"][-1]
        recall = "–"
        if now["value"] is not None:
            recall = f"{now['value']:.2f} <span class='fl-muted'>{now['low']:.2f}–{now['high']:.2f}"
            recall += "</span>"
        promise = "<span class='fl-muted'>too few to say</span>"
        if each["flat"]:
            promise = "done" if each["done"] else "no gain in sight"
        elif each["next"] is not None:
            gain = {key: 100 * v for key, v in each["next"]["gain"].items()}
            promise = f"+{gain['value']:.1f} <span class='fl-muted'>"
            between = " to " if gain["low"] < 0 else "–"
            promise += f"{_signed(gain['low'])}{between}{gain['high']:.1f}</span>"
        rows.append(
            f"<tr>{name}<td class='n'>{count(each['labels'])}</td><td class='n'>{recall}</td>"
            f"<td class='n'>{promise}</td></tr>"
        )
    dense = " dense" if len(rows) > 10 else ""
    last = count(advice["sizes"][-1]["labels"])
    return (
        f"<table class='fl-table fl-tight{dense}'><thead><tr><th>Class</th>"
        "<th class='n'>labels</th>"
        f"<th class='n' title='{_RECALL}'>recall at {last} labels</th>"
        "<th class='n' title='Points of its recall, with what comes in 4 of 5 cases'>"
        f"20 more of it: points</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _signed(value: float) -> str:
    return f"−{-value:.1f}" if value <= -0.05 else f"{abs(value):.1f}"


def how(advice: dict[str, Any]) -> str:
    """Say how the curve was measured."""
    pace = advice["seconds_per_label"]
    told = (
        f"Random subsets of the {count(advice['labels'])} labels that train, "
        f"{advice['repeats']} repeats by {advice['classifier']}; tested on {advice['tested_on']}. "
        "No group and no near-duplicate is on both sides. Ahead: power laws, one for each "
        "bootstrap replicate. "
        f"Of the next {advice['next']['labels']} labels {advice['next']['trains']} train, "
        "the rest measures. "
    )
    if pace is None:
        return told + "Minutes of work are told after ten labels by hand."
    return told + (
        f"{pace['value']:.1f} s per label ({pace['low']:.1f}–{pace['high']:.1f}, the last "
        f"{count(pace['n'])} actions)."
    )
