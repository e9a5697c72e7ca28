"""The right end of the top bar: which project, what runs for it, and who labels."""

import streamlit as st

from fewshot_lab import accounts
from fewshot_lab.project import Project
from fewshot_lab.store import LONGEST_NAME
from fewshot_lab.ui import pages, session, visitor, work
from fewshot_lab.ui.markdown import plain
from fewshot_lab.ui.page_menu import page_menu

NAMES = 8

_remember = st.components.v2.component(
    "fewshot_remember",
    js=f"""export default function ({{ data }}) {{
      if (data && data.name) {{
        document.cookie = "{session.COOKIE}=" + encodeURIComponent(data.name)
          + "; path=/; max-age=31536000; samesite=lax";
      }}
    }}""",
)


def header(project: Project | None) -> None:
    """Draw the right end of the top bar."""
    with st.container(key="fl-corner", horizontal=True):
        if project is not None:
            work.corner(project)
        if visitor.is_signed_in():
            _signed_in(session.annotator(), project)
        else:
            _choose_name(project)
        page_menu()


def _choose_name(project: Project | None) -> None:
    """Ask who labels, and keep the answer in the browser."""
    name, chosen = session.annotator(), session.annotator_is_chosen()
    with st.popover(plain(name) if chosen else f"Who labels? {plain(name)}"):
        st.text_input(
            "Who labels?",
            value=name,
            key="fl-annotator",
            max_chars=LONGEST_NAME,
            on_change=_typed,
        )
        st.caption("Every label keeps this name. It stays in this browser.")
        if project is not None:
            _others(project, name)
    if chosen:
        with st.container(key="fl-remember"):
            _remember(key="fl-remember-name", data={"name": name})


def _signed_in(name: str, project: Project | None) -> None:
    """Offer what whoever is signed in may do about it."""
    with st.popover(plain(name)):
        if project is not None:
            role = visitor.role_in(project.name)
            st.caption(
                f"{role.word.capitalize() if role else 'No member'} here. Labels carry this name."
            )
            if visitor.may("members", project.name):
                pages.link("members", "Members", project.name)
        if accounts.sign_in().way != "proxy":
            # A new page, not a script run: the browser lets go of its socket.
            st.html(
                f'<a class="fl-link" target="_self" href="{pages.rooted("/fewshot/sign-out")}">'
                "Sign out</a>"
            )


def _others(project: Project, name: str) -> None:
    """Offer the names that are known here, so that nobody is two people by a slip of the finger."""
    known = {*project.store.team().annotators, *project.store.annotators()} - {name}
    shown = sorted(known, key=str.casefold)[:NAMES]
    if not shown:
        return
    st.caption("Also here:")
    with st.container(horizontal=True, gap="small"):
        for other in shown:
            st.button(
                plain(other),
                key=f"fl-annotator-{other}",
                type="tertiary",
                on_click=_switch,
                args=(other,),
            )


def _switch(name: str) -> None:
    session.set_annotator(name)
    st.session_state["fl-annotator"] = name


def _typed() -> None:
    session.set_annotator(str(st.session_state["fl-annotator"]))
