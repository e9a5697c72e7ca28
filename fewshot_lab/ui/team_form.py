"""The place where people agree on how they share a project."""

from typing import Any

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.store import RULES, Team
from fewshot_lab.ui.choices import segments, select
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.session import annotator

RULE_NAMES = {
    "latest": "Newest opinion",
    "majority": "Majority; a tie waits for a senior",
    "senior": "Senior's opinion, else majority",
    "soft": "Soft labels: every opinion by its share",
}
SHOWN = 5


def show(project: Project) -> None:
    """Draw the form and what was agreed before."""
    team = project.store.team()
    st.header("How you work together")
    with st.form("fl-team", border=False):
        agreed = fields(team, project.store.annotators())
        pressed = st.form_submit_button("Save", type="primary")
    if pressed:
        with sentences():
            project.team.agree(annotator(), **agreed)
            st.rerun()
    changes = project.store.team_changes()
    if changes:
        st.html(fragment("projects", "agreements", changes[:SHOWN], len(changes) - SHOWN))


def fields(team: Team, there: list[str]) -> dict[str, Any]:
    """Draw the fields; return what they hold."""
    left, middle, right = st.columns(3, gap="large")
    with left:
        people = st.multiselect(
            "Annotators",
            sorted({*there, *team.annotators}, key=str.casefold),
            default=list(team.annotators),
            accept_new_options=True,
            placeholder="Type names",
            help="Each person types their own name once, at the top right of any page.",
        )
        split = segments(
            "Each of them labels",
            {"all": "any image", "share": "a share of the images"},
            "share" if team.split else "all",
            help="Shares are drawn at random; all images of a patient go to the same person.",
        )
        seniors = st.multiselect(
            "Seniors",
            sorted({*there, *team.annotators, *team.seniors}, key=str.casefold),
            default=list(team.seniors),
            accept_new_options=True,
            placeholder="Who decides where opinions differ",
        )
    with middle:
        double = share_input(
            "Labelled by several, %",
            team.double,
            "Drawn at random. Nobody sees another person's label of such an image before their "
            "own is stored.",
        )
        per_image = st.number_input("by how many", 2, 10, team.per_image)
        repeats = share_input(
            "Hidden repeats, %",
            team.repeats,
            "Some images come back to the same person unmarked, to measure how far each person "
            "agrees with themselves. At most three wait at a time. Suggestions then give no "
            "reasons, because a reason would reveal them.",
        )
    with right:
        blind = share_input(
            "Labelled blind, %",
            team.blind,
            "Predictions and others' labels stay hidden until the person's own label is stored. "
            "100: blind mode. 10: a random share, enough to measure what seeing the prediction "
            "does.",
            step=10.0,
        )
        rule = select(
            "Label that trains",
            {rule: RULE_NAMES[rule] for rule in RULES},
            team.rule,
            help="A senior's decision on a conflict holds under every rule, except the newest "
            "opinion, where any newer label replaces it.",
        )
    return {
        "annotators": tuple(people),
        "split": split == "share",
        "seniors": tuple(seniors),
        "double": double,
        "per_image": int(per_image),
        "repeats": repeats,
        "blind": blind,
        "rule": rule,
    }


def share_input(label: str, now: float, help: str, step: float = 5.0) -> float:
    """Draw a field in per cent; return the share."""
    return st.number_input(label, 0.0, 100.0, 100 * now, step, format="%g", help=help) / 100
