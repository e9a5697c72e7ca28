"""How good the classifier is: figures with their doubt."""

import streamlit as st

from fewshot_lab.ui import evaluate
from fewshot_lab.ui.empty import project_or_stop, stop_without_images

project = project_or_stop()
st.title("Evaluate")
stop_without_images(project)
evaluate.show(project)
