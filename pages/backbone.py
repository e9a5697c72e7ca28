"""The backbone of a project: what there is to choose from, and what is in use."""

import streamlit as st

from fewshot_lab.ui import backbone_cards, pages, work
from fewshot_lab.ui.empty import project_or_stop

project = project_or_stop()
job = work.active(project)

st.title("Backbone")
st.html(
    '<div class="fl-muted">A backbone turns an image into numbers that the classifier learns '
    "from. Labels stay when it changes; embeddings and map are made once per backbone.</div>"
)
if job is not None:
    work.show(job)
else:
    newest = work.latest(project, ("prepare", "embed", "map"))
    if newest is not None:
        work.show_ending(project, newest)
backbone_cards.show(project, busy=job is not None)
pages.link("import", "Back to import", project.name)
