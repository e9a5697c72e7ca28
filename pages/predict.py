"""Predict: drop images on a bundle and see what it says of them."""

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.ui import predicting
from fewshot_lab.ui.on_error import alert
from fewshot_lab.ui.session import open_project

st.title("Predict")
try:
    project = open_project()
except FewshotLabError as error:
    project = None  # a bundle from elsewhere needs none
    alert(str(error))
predicting.show(project)
