"""Cards of projects, and the dialogs that create, rename and delete one."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import count as count_from

import streamlit as st

from fewshot_lab import accounts, jobs, live
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project, ProjectInfo
from fewshot_lab.store import tidy_name
from fewshot_lab.ui import pages, session, visitor
from fewshot_lab.ui.focus import focus
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.ui.markdown import plain
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.web import api_url
from fewshot_lab.words import ago, count, plural, shortened

COLUMNS = 3
AT_FIRST = 24
FILTER_FROM = 13
LONGEST_TITLE = 80
LONGEST_ON_CARD = 44
ASKING = "fl-asking-name"
UNNAMED = "My images"


def folder_name(title: str) -> str:
    """Return the name of the folder for a title: "Köln, run #2" becomes "Koln run 2".

    Raises
    ------
    FewshotLabError
        For a title without a single letter or digit that a folder's name may have.
    """
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    name = " ".join(re.sub(r"[^A-Za-z0-9._ -]+", " ", letters).split())
    name = name.strip(" .-_")[:64].strip(" .-_")
    if not name:
        raise FewshotLabError("A project's name needs at least one letter from a to z or a digit.")
    return name


def grid(infos: Sequence[ProjectInfo]) -> None:
    """Draw the projects as cards; many of them with a field to find one."""
    shown = list(infos)
    if len(infos) >= FILTER_FROM:
        wanted = st.text_input(
            "Find a project",
            placeholder=f"Find one of {count(len(infos))} projects",
            label_visibility="collapsed",
            key="fl-find",
        )
        shown = [i for i in infos if wanted.casefold() in f"{i.title} {i.name}".casefold()]
        if not shown:
            muted(f"No project is called “{wanted}”.")
    rest = len(shown) - AT_FIRST
    if rest > 0 and not st.session_state.get("fl-all"):
        shown = shown[:AT_FIRST]
    for start in range(0, len(shown), COLUMNS):
        columns = st.columns(COLUMNS, gap="small")
        for column, info in zip(columns, shown[start : start + COLUMNS], strict=False):
            with column:
                card(info)
    if len(shown) == AT_FIRST and rest > 0:
        st.button(f"Show {count(rest)} more", type="tertiary", key="fl-all")


def card(info: ProjectInfo) -> None:
    """Draw one project: four of its images, its title, its counts."""
    with st.container(key=f"fl-card-{info.name}"):
        st.html(strip(info))
        with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
            pages.link("label" if info.images else "import", card_title(info.title), info.name)
            if visitor.may("settings", info.name) and st.button(
                "Edit", key=f"fl-edit-{info.name}", type="tertiary"
            ):
                edit_dialog(info)
        st.html(f'<div class="fl-small fl-muted fl-number">{facts(info)}</div>')


def card_title(title: str) -> str:
    """Return a title that fits a card, as Markdown that shows it unchanged."""
    return plain(shortened(title, LONGEST_ON_CARD))


def strip(info: ProjectInfo) -> str:
    """Return four thumbnails as HTML, with blanks where there are fewer images."""
    return fragment("projects", "strip", pages.rooted(api_url(info.name)), info.examples)


def facts(info: ProjectInfo) -> str:
    """Return "5,119 images · 420 labelled · 3 hours ago"."""
    if not info.images:
        return f"No images yet · {ago(info.last_used)}"
    return (
        f"{plural(info.images, 'image')} · {count(info.labelled)} labelled · {ago(info.last_used)}"
    )


def new_project(label: str) -> bool:
    """Draw the button that asks for a new project's name; return whether it asks now."""
    if not st.session_state.get(ASKING):
        st.button(label, type="primary", key="fl-new", on_click=_ask)
    return bool(st.session_state.get(ASKING))


def name_form() -> None:
    """Ask for a name and create the project."""
    with (
        st.form("fl-create", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        title = st.text_input(
            "Name of the new project",
            value=free_title(),
            max_chars=LONGEST_TITLE,
            placeholder="Blood smears 2026",
            key="fl-new-name",
        )
        pressed = st.form_submit_button("Create", type="primary")
        st.form_submit_button("Cancel", type="tertiary", on_click=_ask_no_more)
    focus("fl-new-name")
    if pressed:
        with sentences():
            create(title)


def free_title(wanted: str = UNNAMED) -> str:
    """Return a title that no project has, for whoever does not care: "My images 2"."""
    taken = {name.casefold() for name in session.project_names()}
    wanted = wanted[:LONGEST_ON_CARD]
    titles = (f"{wanted} {number}" if number > 1 else wanted for number in count_from(1))
    return next(title for title in titles if folder_name(title).casefold() not in taken)


def _ask() -> None:
    st.session_state[ASKING] = True


def _ask_no_more() -> None:
    st.session_state.pop(ASKING, None)


def create(title: str) -> None:
    """Create a project and go on to its import."""
    name = make(title)
    _ask_no_more()
    pages.go("import", name)


def make(title: str, backbone: str | None = None) -> str:
    """Create a project and return its name.

    Raises
    ------
    FewshotLabError
        For a title that no folder can be named after, or that another project has.
    """
    title = tidy_name(title)
    if not title:
        raise FewshotLabError("Type a name for the project.")
    visitor.require("create")
    with Project.create(folder_name(title), backbone=backbone) as project:
        project.rename(title)
        project.touch()
        if visitor.is_signed_in():
            project.store.set_member(session.annotator(), "owner")
    accounts.note("project made", project=folder_name(title))
    return folder_name(title)


@st.dialog("Edit project")
def edit_dialog(info: ProjectInfo) -> None:
    """Rename a project or delete it."""
    with sentences():
        with st.form("fl-rename", border=False):
            title = st.text_input("Title", value=info.title, max_chars=LONGEST_TITLE)
            st.caption(f"Its folder stays {info.folder}.")
            if st.form_submit_button("Rename"):
                rename(info.name, title)
                st.rerun()
        st.divider()
        st.markdown(
            f"Deleting removes {plural(info.labelled, 'label')}, all embeddings and exports, and "
            "copied images, for ever. Images that were not copied stay."
        )
        typed = st.text_input(f"To delete, type the folder's name: `{info.name}`")
        if st.button("Delete this project", disabled=typed.strip() != info.name):
            delete(info.name)
            st.rerun()
        if typed and typed.strip() != info.name:
            alert("This is not the folder's name.")


def rename(name: str, title: str) -> None:
    """Give a project another title."""
    visitor.require("settings", name)
    session.project_named(name).rename(title)


def delete(name: str) -> None:
    """Stop what runs for a project and delete it."""
    visitor.require("delete", name)
    project = session.project_named(name)
    head = str(project.store.log_head())
    for job in jobs.running(project.folder):
        job.stop(force=True)
    live.forget(name)
    project.delete()
    accounts.note("project deleted", project=name, log=head)
    if st.session_state.get("project") == name:
        st.session_state.pop("project", None)
        st.query_params.pop("project", None)
