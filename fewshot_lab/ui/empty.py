"""Empty states: a sentence and one button."""

from html import escape

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import pages, visitor
from fewshot_lab.ui.session import open_project


def empty(
    sentence: str, button: str, page: str, project: Project | None = None, *, key: str = "empty"
) -> None:
    """Draw an empty state; its button leads to a page, and is there for whoever may open that."""
    name = project.name if project is not None else None
    with st.container(key=f"fl-blank-{key}", horizontal_alignment="center"):
        st.html(f'<div class="fl-empty">{escape(sentence)}</div>')
        offered = visitor.is_offered(page, name)
        if offered and st.button(button, type="primary", key=f"fl-{key}"):
            pages.go(page, name)


def project_or_stop() -> Project:
    """Return the open project; without one, say so, offer the list, and end the page."""
    try:
        project = open_project()
        sentence = "No project is open."
    except FewshotLabError as error:
        project, sentence = None, str(error)
    if project is None:
        empty(sentence, "Choose a project", "projects")
        st.stop()
    return project


def stop_without_images(project: Project) -> None:
    """End the page where the project has no image yet."""
    if not project.store.ids():
        empty("This project has no images yet.", "Import images", "import", project)
        st.stop()
