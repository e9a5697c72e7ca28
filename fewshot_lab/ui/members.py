"""Who may do what in a project: shown, and changed by its owners."""

import streamlit as st

from fewshot_lab.accounts import ROLES, checked_name, known_people
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import visitor
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.markdown import plain
from fewshot_lab.ui.on_error import sentences

WORDS = {
    "reader": "Reader: looks at images, labels and figures.",
    "annotator": "Annotator: labels, and takes back what they labelled.",
    "senior": "Senior: also decides where others differ, changes classes, measures, exports.",
    "owner": "Owner: also imports, changes settings and members, pretrains, deletes the project.",
}


def show(project: Project) -> None:
    """Draw the members with their roles, and the form that adds one."""
    if not visitor.is_signed_in():
        muted(
            "Nobody signs in here, so whoever opens the app may do everything: roles"
            " count once sign-in is on."
        )
    members = project.store.members()
    if members:
        with st.container(width=640, key="fl-members"):
            for name, role in members.items():
                _row(project, name, role)
    else:
        muted("Nobody is a member of this project yet. Administrators may do everything in it.")
    st.header("Add somebody")
    _form(project, members)
    with st.expander("What each may do"):
        for sentence in WORDS.values():
            st.caption(sentence)
    with st.expander("What was done in this project"):
        _journal(project)


def change(project: Project, name: str, role: str | None) -> None:
    """Give somebody a role, or none any more; a project keeps an owner.

    Raises
    ------
    FewshotLabError
    """
    visitor.require("members", project.name)
    members = project.store.members()
    owners = [each for each, is_now in members.items() if is_now == "owner"]
    if owners == [name] and role != "owner" and not visitor.may("create"):
        raise FewshotLabError(f"{name} is the only owner: make somebody else an owner first.")
    project.store.set_member(name, role)


def _row(project: Project, name: str, role: str) -> None:
    who, what, out = st.columns([4, 2, 1], vertical_alignment="center")
    who.markdown(plain(name))
    chosen = what.selectbox(
        f"Role of {plain(name)}",
        list(ROLES),
        index=list(ROLES).index(role) if role in ROLES else 0,
        format_func=str.capitalize,
        label_visibility="collapsed",
        key=f"fl-role-{name}-{role}",
    )
    with sentences():
        if out.button("Remove", key=f"fl-remove-{name}", type="tertiary"):
            change(project, name, None)
            st.rerun()
        if chosen != role:
            change(project, name, chosen)
            st.rerun()


def _form(project: Project, members: dict[str, str]) -> None:
    known = [person.name for person in known_people() if person.name not in members]
    with (
        st.form("fl-member", border=False, clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        name = st.selectbox(
            "Name used to sign in",
            known,
            index=None,
            accept_new_options=True,
            placeholder="Choose or type a name",
            width=320,
        )
        role = st.selectbox("Role", list(ROLES), index=1, format_func=str.capitalize, width=160)
        pressed = st.form_submit_button("Add", type="primary")
    if pressed:
        with sentences():
            change(project, checked_name(name or ""), role)
            st.rerun()


def _journal(project: Project) -> None:
    rows = [
        {
            "When": entry.time,
            "Who": entry.who,
            "What": entry.what,
            "With": ", ".join(f"{k}: {v}" for k, v in entry.detail.items() if k != "log"),
        }
        for entry in reversed(project.store.journal()[-200:])
    ]
    st.dataframe(
        rows,
        column_config={"When": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
        hide_index=True,
        width="stretch",
    )
    st.caption(f"The last 200 entries. All of them: python -m fewshot_lab journal {project.name}")
