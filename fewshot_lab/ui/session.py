"""Which project is open, and who labels: what a page needs to know of its visitor."""

import os
from contextlib import suppress
from urllib.parse import unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fewshot_lab import home, live
from fewshot_lab.acting import look_up_by, system_user
from fewshot_lab.errors import FewshotLabError, Forbidden
from fewshot_lab.home import MARKER
from fewshot_lab.project import Project
from fewshot_lab.store import LONGEST_NAME, tidy_name
from fewshot_lab.ui import visitor

COOKIE = "fewshot_annotator"


def project_names() -> list[str]:
    """Return the names of all projects, without opening any."""
    base = home.home()
    if not base.is_dir():
        return []
    return sorted(p.name for p in base.iterdir() if os.path.lexists(p / MARKER))


def project_named(name: str) -> Project:
    """Return a project; one object per process, shared with the label page's routes.

    Raises
    ------
    FewshotLabError
        Where there is none, or whoever looks may not see it.
    """
    visitor.require("look", name)
    project = live.page_state_of(name).project
    visitor.guard(project)
    return project


def open_project(*, last_used: bool = True) -> Project | None:
    """Return the project that the address names, else the one last open here, else the last used.

    The address names it afterwards, so that a reload comes back. None where there is no project.

    Raises
    ------
    FewshotLabError
        Where the address names a project that does not exist.
    """
    name = st.query_params.get("project") or st.session_state.get("project")
    if name is None and last_used:
        name = next((info.name for info in Project.list() if visitor.may("look", info.name)), None)
    if name is None:
        return None
    try:
        project = project_named(name)
    except FewshotLabError:
        st.session_state.pop("project", None)
        raise
    remember_project(project)
    return project


def remember_project(project: Project) -> None:
    """Make a project the open one."""
    if st.session_state.get("project") != project.name:
        st.session_state["project"] = project.name
        with suppress(Forbidden):  # a reader leaves no trace
            project.touch()
    if st.query_params.get("project") != project.name:
        st.query_params["project"] = project.name


def annotator() -> str:
    """Return who labels: who is signed in, else as set here or kept, else the system's user."""
    if visitor.is_signed_in():
        return str(visitor.visitor().name)
    if name := st.session_state.get("annotator"):
        return str(name)
    cookie = st.context.cookies.get(COOKIE)
    kept = unquote(cookie).strip()[:LONGEST_NAME] if isinstance(cookie, str) else ""
    if kept:
        st.session_state["annotator"] = kept
        return kept
    return system_user()


def annotator_is_chosen() -> bool:
    """Say whether somebody has typed their name in this browser, or signed in."""
    annotator()
    return visitor.is_signed_in() or "annotator" in st.session_state


def set_annotator(name: str) -> None:
    """Keep a name typed by the visitor; an empty one goes back to the system's user."""
    name = tidy_name(name)[:LONGEST_NAME]
    st.session_state["annotator"] = name or system_user()


def _page_visitor() -> str | None:
    return annotator() if get_script_run_ctx(suppress_warning=True) is not None else None


look_up_by(_page_visitor)
