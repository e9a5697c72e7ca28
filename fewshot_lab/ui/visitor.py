"""Who looks at a page, and what they may do: the same person and table as for every route."""

from functools import partial
from urllib.parse import unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fewshot_lab import accounts, live
from fewshot_lab.accounts import ANYBODY, PAGE_ACTIONS, ROLES, Role, Visitor
from fewshot_lab.errors import NoProject, NotSignedIn
from fewshot_lab.images import import_roots
from fewshot_lab.project import Project
from fewshot_lab.runs import Run, list_runs
from fewshot_lab.ui.on_error import alert
from fewshot_lab.web import NAME_HEADER, SESSION_HEADER

PAGE = "fl-page"


def visitor(*, touch: bool = False) -> Visitor:
    """Return who looks at the page that runs now.

    Parameters
    ----------
    touch : bool
        The page runs because that person did something.

    Raises
    ------
    NotSignedIn
        Where nobody is signed in any more.
    """
    settings = accounts.sign_in()
    if not settings.is_on:
        return ANYBODY
    # The socket says who opened the page; whether they are still signed in is asked anew.
    name = unquote(st.context.headers.get(NAME_HEADER) or "")
    key = st.context.headers.get(SESSION_HEADER) or ""
    if key and accounts.name_of(key, settings.idle, touch=touch) != name:
        name = ""
    if not name:
        raise NotSignedIn("You have been signed out.")
    return Visitor(name, accounts.is_administrator(name))


def is_signed_in() -> bool:
    """Say whether people sign in here, so that a name is not typed."""
    return accounts.sign_in().is_on


def role_in(project: str | None) -> Role | None:
    """Return what whoever looks is in a project."""
    who = visitor()
    if who.administrator:
        return Role.ADMINISTRATOR
    if project is None:
        return None
    try:
        word = live.page_state_of(project).project.store.role_of(str(who.name))
    except NoProject:
        return None
    return ROLES.get(word) if word else None


def may(action: str, project: str | None = None) -> bool:
    """Say whether whoever looks may do something."""
    return accounts.allowed(role_in(project), action)


def is_offered(page: str, project: str | None) -> bool:
    """Say whether a page can be opened by whoever looks, in the project that is open now."""
    needed = PAGE_ACTIONS[page][0]
    return needed is None or project is None or may(needed, project)


def require(action: str, project: str | None = None) -> None:
    """Refuse what whoever looks may not do.

    Raises
    ------
    Forbidden
    """
    accounts.must_be_allowed(role_in(project), action)


def require_browsing() -> None:
    """Refuse to look into the server's folders where none was opened by ``--import-root``.

    Raises
    ------
    Forbidden
    """
    if not import_roots().folders:
        require("browse")


def visible_runs() -> list[Run]:
    """Return the pretraining runs whose projects whoever looks may pretrain on."""
    return [
        run
        for run in list_runs()
        if all(may("pretrain", name) for name in run.spec.get("projects", []))
    ]


def guard(project: Project) -> None:
    """Let only those change a project from its pages who may do what the page is for."""
    project.store.only_if(partial(_may_change, project.name))


def _may_change(project: str) -> None:
    if get_script_run_ctx(suppress_warning=True) is None:  # a route, or work behind the page
        return
    require(PAGE_ACTIONS[st.session_state.get(PAGE) or "projects"][1], project)


def show_signed_out(base: str) -> None:
    """Say that nobody is signed in any more, and where to."""
    alert("You have been signed out. What you have labelled is kept.")
    st.link_button("Sign in again", f"{base or ''}/fewshot/sign-in", type="primary")
