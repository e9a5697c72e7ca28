"""What the last file of labels did, with the way back, while nothing was labelled since."""

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import session
from fewshot_lab.ui.on_error import note


def remember_outcome(project: Project, key: str) -> None:
    """Keep which action a file has just become, under a key of the part of the page."""
    st.session_state[key] = (project.name, project.store.history(1)[0].action_id)


def show_outcome(project: Project, key: str) -> None:
    """Draw the sentence of that action and its undo, whose button is ``key`` and "-undo"."""
    name, action = st.session_state.get(key, ("", None))
    newest = project.store.history(1) if name == project.name else []
    if not newest or newest[0].action_id != action or newest[0].undone:
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        note(f"{newest[0].sentence}.")
        if st.button("Undo", key=f"{key}-undo", type="tertiary"):
            project.store.undo(session.annotator(), client=None, q=None)
            st.session_state.pop(key)
            st.rerun()
