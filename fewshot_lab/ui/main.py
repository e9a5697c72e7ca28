"""The script that every page runs through: style, top bar, then the page itself."""

from pathlib import Path

import streamlit as st

from fewshot_lab.accounts import PAGE_ACTIONS
from fewshot_lab.errors import FewshotLabError, NotSignedIn
from fewshot_lab.live import page_state_of, slide_index
from fewshot_lab.project import Project
from fewshot_lab.ui import visitor
from fewshot_lab.ui.first_start import demo_to_open
from fewshot_lab.ui.header import header
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.pages import PAGES, go, page, rooted
from fewshot_lab.ui.session import open_project

HERE = Path(__file__).parent


def project_if_any(*, last_used: bool) -> Project | None:
    """Return the open project; where the address is wrong, the page itself says so."""
    try:
        return open_project(last_used=last_used)
    except FewshotLabError:
        return None


def is_offered(name: str, project: str | None) -> bool:
    """Say whether a page is in the bar: where it may be opened, and has something to show."""
    if not visitor.is_offered(name, project):
        return False
    if name != "slides":
        return True
    try:
        return project is not None and bool(slide_index(page_state_of(project)).slides)
    except FewshotLabError:
        return False


st.set_page_config(
    page_title="Fewshot Lab",
    page_icon=str(HERE / "favicon.png"),
    layout="wide",
    initial_sidebar_state="collapsed",
)
st.html(HERE / "theme.css")
st.html(HERE / "page_menu.css")
try:
    visitor.visitor(touch=True)
except NotSignedIn:
    visitor.show_signed_out(rooted(""))
    st.stop()
open_now = st.query_params.get("project") or st.session_state.get("project")
chosen = st.navigation(
    [page(name, offered=is_offered(name, open_now)) for name in PAGES], position="top"
)

home = chosen.url_path == ""
st.session_state[visitor.PAGE] = chosen.url_path or "projects"

with sentences():
    if "arrived" not in st.session_state:
        st.session_state["arrived"] = True
        if home and visitor.may("create") and (demo := demo_to_open()) is not None:
            go("label", demo)
    project = project_if_any(last_used=not home)
    header(project)
    needed = PAGE_ACTIONS[chosen.url_path or "projects"][0]
    if needed is not None and project is not None:
        visitor.require(needed, project.name)
    chosen.run()
