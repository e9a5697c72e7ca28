"""The place where people agree on how they share a project."""

from typing import Any

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.store import RULES, Team
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import alert
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
        asked = fields(team, project.store.annotators())
        pressed = st.form_submit_button("Save", type="primary")
    if pressed:
        try:
            project.team.agree(annotator(), **asked)
        except FewshotLabError as error:
            alert(str(error))
        else:
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
        split = st.segmented_control(
            "Each of them labels",
            ["all", "share"],
            format_func={"all": "any image", "share": "a share of the images"}.__getitem__,
            default="share" if team.split else "all",
            required=True,
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
        double = st.number_input(
            "Labelled by several, %",
            0.0, 100.0, 100 * team.double, 5.0, format="%g",
            help="Drawn at random. Nobody sees another person's label of such an image before "
                 "their own is stored.",
        )  # fmt: skip
        per_image = st.number_input("by how many", 2, 10, team.per_image)
        repeats = st.number_input(
            "Hidden repeats, %",
            0.0, 100.0, 100 * team.repeats, 5.0, format="%g",
            help="Some images come back to the same person unmarked, to measure how far each "
                 "person agrees with themselves. At most three wait at a time. Suggestions then "
                 "give no reasons, because a reason would reveal them.",
        )  # fmt: skip
    with right:
        blind = st.number_input(
            "Labelled blind, %",
            0.0, 100.0, 100 * team.blind, 10.0, format="%g",
            help="Predictions and others' labels stay hidden until the person's own label is "
                 "stored. 100: blind mode. 10: a random share, enough to measure what seeing the "
                 "prediction does.",
        )  # fmt: skip
        rule = st.selectbox(
            "Label that trains",
            list(RULES),
            format_func=RULE_NAMES.__getitem__,
            index=list(RULES).index(team.rule),
            help="A senior's decision on a conflict holds under every rule, except the newest "
            "opinion, where any newer label replaces it.",
        )
    return {
        "annotators": tuple(people),
        "split": split == "share",
        "seniors": tuple(seniors),
        "double": double / 100,
        "per_image": int(per_image),
        "repeats": repeats / 100,
        "blind": blind / 100,
        "rule": rule,
    }
