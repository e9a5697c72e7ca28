"""Home: the projects, the last used first."""

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import cards, pages, visitor
from fewshot_lab.ui.first_start import make_demo
from fewshot_lab.ui.on_error import alert

infos, damaged = Project.survey()
infos = [info for info in infos if visitor.may("look", info.name)]
may_create = visitor.may("create")

asking = False

if infos:
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title("Projects")
        asking = may_create and cards.new_project("New project")
elif not may_create:
    st.title("Projects")
    st.html(
        '<div class="fl-empty">You are no member of a project yet: ask its owner, or an '
        "administrator of this server.</div>"
    )
else:
    st.title("Projects")
    with st.container(key="fl-blank-projects", horizontal_alignment="center"):
        st.html(
            '<div class="fl-empty">No project yet. '
            "A project holds images, their labels and a classifier.</div>"
        )
        asking = cards.new_project("New project")
        if not asking and st.button("Make the demo project", type="tertiary"):
            pages.go("label", make_demo().name)

if asking:
    cards.name_form()
if infos:
    cards.grid(infos)
for each in damaged if may_create else []:
    alert(f"{each.name} cannot be opened. {each.reason}")
