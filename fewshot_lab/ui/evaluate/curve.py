"""The learning curve of the labels at hand: where it stands, where it goes, when to stop."""

from typing import Any

import streamlit as st

from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.ui import chart_parts, curve_charts, pages
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.ui.glossary import explained
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.words import count

ALL, WHOLE = -1, "All classes"
ROOM = 24  # characters of a class's name beside the chart
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
            newest, behind = session.advisor.advice, session.advisor.behind
            if newest is not None:
                behind = behind or newest.position < project.store.position()
                if stale and not behind:
                    st.rerun()
            message = session.snapshot.message
            if newest is None and message:
                empty(message, "Label images", "label", project, key="curve")
                return
            if newest is None:
                muted("Measuring the curve of the newest labels.")
                return
            draw(project, newest.to_dict(), behind=behind)

    figures()


def draw(project: Project, advice: dict[str, Any], *, behind: bool = False) -> None:
    """Draw the curve with the advice beside it, and say if a newer one is on its way."""
    newer = "<span class='fl-muted fl-small'> Measuring again …</span>" if behind else ""
    st.html(f'<p class="fl-lead">{explained(advice["sentence"])}{newer}</p>')
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
            config=chart_parts.CONFIG,
            key="fl-curve",
        )
    with right:
        st.html(table(project, advice))
    muted(how(advice), small=True)


def table(project: Project, advice: dict[str, Any]) -> str:
    """Return what each class has and what more labels of it promise, as HTML."""
    colours = {row.id: row.color for row in project.store.classes(include_retired=True)}
    rows = [(colours.get(each["class_id"], ""), each) for each in advice["classes"]]
    return fragment(
        "curves",
        "learning",
        rows,
        last=advice["sizes"][-1]["labels"],
        dense=len(rows) > 10,
        recall_help=_RECALL,
        room=ROOM,
    )


def how(advice: dict[str, Any]) -> str:
    """Say how the curve was measured."""
    pace = advice["seconds_per_label"]
    how = (
        f"Random subsets of the {count(advice['labels'])} labels that train, "
        f"{advice['repeats']} repeats by {advice['classifier']}; tested on {advice['tested_on']}. "
        "No group and no near-duplicate is on both sides. Ahead: power laws, one for each "
        "bootstrap replicate. "
        f"Of the next {advice['next']['labels']} labels {advice['next']['trains']} train, "
        "the rest measures. "
    )
    if pace is None:
        return how + "The time needed is shown after ten labels by hand."
    return how + (
        f"{pace['value']:.1f} s per label ({pace['low']:.1f}–{pace['high']:.1f}, the last "
        f"{count(pace['n'])} actions)."
    )
