"""Empty states: a sentence and one button."""

from html import escape

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.session import open_project


def empty(sentence: str, button: str, *, key: str = "empty") -> bool:
    """Draw an empty state; return whether its button was pressed."""
    with st.container(key=f"fl-blank-{key}", horizontal_alignment="center"):
        st.html(f'<div class="fl-empty">{escape(sentence)}</div>')
        return st.button(button, type="primary", key=f"fl-{key}")


def project_or_stop() -> Project:
    """Return the open project; without one, say so, offer the list, and end the page."""
    try:
        project = open_project()
        sentence = "No project is open."
    except FewshotLabError as error:
        project, sentence = None, str(error)
    if project is None:
        if empty(sentence, "Choose a project"):
            pages.go("projects")
        st.stop()
    return project


def stop_without_images(project: Project) -> None:
    """End the page where the project has no image yet."""
    if not project.store.ids():
        if empty("This project has no images yet.", "Import images"):
            pages.go("import", project.name)
        st.stop()
