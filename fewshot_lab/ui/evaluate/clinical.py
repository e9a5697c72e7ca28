"""Patients, grades, costs: what a clinician asks beyond the single picture."""

from functools import partial

import streamlit as st

from fewshot_lab.live import Snapshot
from fewshot_lab.project import Project, class_names, settings_of
from fewshot_lab.ui.evaluate import costs, grades, patients
from fewshot_lab.ui.evaluate.parts import TOAST, follow_classifier
from fewshot_lab.ui.evaluate.probabilities import gathered_once
from fewshot_lab.ui.fragments import muted


def show(project: Project) -> None:
    """Draw the view; until the newest labels are in it, look again every second."""
    if (done := st.session_state.pop(TOAST, None)) is not None:
        st.toast(done)
    follow_classifier(project, partial(draw, project), key="clinical")


def draw(project: Project, snapshot: Snapshot) -> None:
    """Draw the three parts of a snapshot."""
    gathered = gathered_once(project, snapshot, settings_of(project).unlike_share)
    names = class_names(project, gathered.class_ids)
    patients.show(project, snapshot)
    st.divider()
    grades.show(project, gathered, names)
    st.divider()
    costs.show(project, gathered, names)
    muted(
        "What is chosen here is kept in the project and goes into report, card and bundle.",
        small=True,
    )
