"""Members: who may do what in a project."""

import streamlit as st

from fewshot_lab.ui import members, visitor
from fewshot_lab.ui.empty import project_or_stop

project = project_or_stop()
visitor.require("members", project.name)
st.title("Members")
members.show(project)
