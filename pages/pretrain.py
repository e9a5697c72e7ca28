"""Pretrain: a backbone learns from the project's own images, without labels."""

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.runs import find_run
from fewshot_lab.ui import new_run, run_view, runs_table, visitor
from fewshot_lab.ui.empty import project_or_stop, stop_without_images
from fewshot_lab.ui.on_error import sentences

project = project_or_stop()
st.title("Pretrain")
stop_without_images(project)

runs = visitor.visible_runs()
NEW = "New run"
st.html(
    '<div class="fl-muted">DINO teaches a backbone what your images have in common and what tells '
    "them apart, without a label. The same labels then count for more.</div>"
)
names = [run.name for run in runs]
# The address counts on arrival; later the choice on the page does.
arrived = "fl-chosen-run" not in st.session_state
wanted = st.session_state.pop("fl-run", None) or (st.query_params.get("run") if arrived else None)
if st.session_state.get("fl-clone"):
    wanted = NEW
if wanted in [*names, NEW]:
    st.session_state["fl-chosen-run"] = wanted
elif st.session_state.get("fl-chosen-run") not in [*names, NEW]:
    st.session_state["fl-chosen-run"] = runs_table.foremost_run(runs) or NEW

if runs:
    left, right = st.columns([1, 4], gap="large")
    with left:
        chosen = st.radio("Run", [NEW, *names], key="fl-chosen-run", label_visibility="collapsed")
else:
    chosen, right = NEW, st.container()

if chosen != NEW:
    st.session_state.pop("fl-clone", None)
    st.query_params["run"] = chosen
elif "run" in st.query_params:
    del st.query_params["run"]

with right, sentences():
    if chosen == NEW:
        st.header("New run")
        new_run.show(project)
    else:
        try:
            run = find_run(chosen)
        except FewshotLabError:
            st.rerun()
        st.header(run.name)
        run_view.show(project, run)

if len(runs) > 1:
    st.divider()
    st.header("All runs")
    runs_table.show(runs)
