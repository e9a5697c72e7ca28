"""Which project is open, and who labels: what a page needs to know of its visitor."""

import getpass
import os
from urllib.parse import unquote

import streamlit as st

from fewshot_lab import home, live
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import MARKER
from fewshot_lab.project import Project
from fewshot_lab.store import LONGEST_NAME, tidy_name

COOKIE = "fewshot_annotator"


def project_names() -> list[str]:
    """Return the names of all projects, without opening any."""
    base = home.home()
    if not base.is_dir():
        return []
    return sorted(p.name for p in base.iterdir() if os.path.lexists(p / MARKER))


def project_named(name: str) -> Project:
    """Return a project; one object per process, shared with the label page's routes."""
    return live.page_state_of(name).project


def forget(name: str) -> None:
    """Let go of a project that is about to be deleted."""
    live.forget(name)


def open_project(*, last_used: bool = True) -> Project | None:
    """Return the project that the address names, else the one last open here, else the last used.

    The address names it afterwards, so that a reload comes back. None where there is no project.

    Raises
    ------
    FewshotLabError
        Where the address names a project that does not exist.
    """
    name = st.query_params.get("project") or st.session_state.get("project")
    if name is None and last_used and (infos := Project.list()):
        name = infos[0].name
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
        project.touch()
    if st.query_params.get("project") != project.name:
        st.query_params["project"] = project.name


def default_annotator() -> str:
    """Return the name of the operating system's user."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return os.environ.get("USER", "annotator")


def annotator() -> str:
    """Return who labels: as set here, as kept in the browser, or the system's user."""
    if name := st.session_state.get("annotator"):
        return str(name)
    cookie = st.context.cookies.get(COOKIE)
    kept = unquote(cookie).strip()[:LONGEST_NAME] if isinstance(cookie, str) else ""
    if kept:
        st.session_state["annotator"] = kept
        return kept
    return default_annotator()


def annotator_is_chosen() -> bool:
    """Say whether somebody has typed their name in this browser."""
    annotator()
    return "annotator" in st.session_state


def set_annotator(name: str) -> None:
    """Keep a name typed by the visitor; an empty one goes back to the system's user."""
    name = tidy_name(name)[:LONGEST_NAME]
    st.session_state["annotator"] = name or default_annotator()
