"""Home: the projects, the last used first."""

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import cards, pages
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.first_start import make_demo

infos = Project.list()

with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.title("Projects")
    if infos and st.button("New project", type="primary"):
        cards.create_dialog()

if not infos:
    if empty(
        "No project yet. A project holds images, their labels and a classifier.", "New project"
    ):
        cards.create_dialog()
    with st.container(key="fl-blank-second", horizontal_alignment="center"):
        if st.button("Make the demo project", type="tertiary"):
            pages.go("label", make_demo().name)
else:
    cards.grid(infos)
