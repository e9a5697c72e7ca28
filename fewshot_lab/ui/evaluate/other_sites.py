"""How right the classifier is at other sites, from labels of images it predicted there."""

import streamlit as st

from fewshot_lab.project import Project, audit_site, site_audits
from fewshot_lab.ui.fragments import muted, plainly
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.sources import dropped_file


def show(project: Project) -> None:
    """Draw what is known of other sites, and the form that brings in another."""
    st.header("At other sites")
    audits = site_audits(project)
    for audit in audits:
        plainly(audit["sentence"])
    if not audits:
        muted(
            "Nothing is known yet. A bundle's predict.py with --watch says when images are no "
            "longer like these, and lists some 30 of them to label."
        )
    with st.popover("Bring in labels of a site", type="tertiary"):
        form(project)


def form(project: Project) -> None:
    """Draw the form."""
    with st.form("fl-site", border=False):
        site = st.text_input("Name of the site", placeholder="Clinic B")
        labels = st.file_uploader(
            "Drop the list here, with labels filled in (CSV: path, label)", type="csv"
        )
        predictions = st.file_uploader(
            "Drop the predictions here that predict.py wrote (CSV)", type="csv"
        )
        if not st.form_submit_button("Compare", type="primary"):
            return
    if labels is None or predictions is None:
        plainly("Drop both files.")
        return
    with sentences(), dropped_file(labels) as filled_in, dropped_file(predictions) as table:
        audit_site(project, site, filled_in, table)
        st.rerun()
