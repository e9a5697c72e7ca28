"""The words of the field, in plain words."""

import streamlit as st

from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.glossary import terms

st.title("Glossary")
st.html(fragment("glossary", "entries", terms()))
