"""Slides: what is said of each whole slide, and to and from QuPath."""

import streamlit as st

from fewshot_lab.ui import slides
from fewshot_lab.ui.empty import project_or_stop

project = project_or_stop()
st.title("Slides")
slides.show(project)
