"""Export: the classifier as a bundle that works without the app, and tables."""

import streamlit as st

from fewshot_lab.ui import exporting
from fewshot_lab.ui.empty import project_or_stop, stop_without_images

project = project_or_stop()
st.title("Export")
stop_without_images(project)
exporting.show(project)
