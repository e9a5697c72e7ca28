"""Import: where the images are, what they are, what came of it."""

import streamlit as st

from fewshot_lab.ui import import_form, import_result, label_import, other_tools, pages, work
from fewshot_lab.ui.empty import project_or_stop

project = project_or_stop()
job = work.active(project)

st.title("Import images")

if job is not None:
    # What is imported beside the demo becomes a project of its own: nothing has to wait for it.
    if not import_form.apart(project):
        st.session_state["fl-watched-job"] = job.id
    work.show(job)
elif import_result.flawless(project, st.session_state.pop("fl-watched-job", None)):
    pages.go("label", project.name)  # nothing to read here: on to the map
if job is None or job.verb not in ("import", "pacs-fetch", "exchange-in", "demo"):
    if import_result.show(project) and project.store.ids():
        st.header("Import more")
    import_form.show(project)
    if project.store.ids():
        label_import.show(project)
        other_tools.show_import(project)
elif import_form.apart(project):
    import_form.show(project)
elif job.report() is not None:
    import_result.show(project)
