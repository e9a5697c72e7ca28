"""Groups and test set: what stays on one side of every split, and what is tested on."""

import streamlit as st

from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.ui.evaluate import grouping, near_duplicates, reference_test
from fewshot_lab.ui.evaluate.audit_part import leak_line
from fewshot_lab.ui.evaluate.parts import TOAST, refit
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import sentences


def show(project: Project) -> None:
    """Draw the three parts: groups, near-duplicates, the reference test set."""
    with sentences():
        if (done := st.session_state.pop(TOAST, None)) is not None:
            st.toast(done)
        leak_check(project)
        left, right = st.columns([1, 1], gap="large")
        with left:
            grouping.show(project)
        with right:
            reference_test.show(project)
            site(project)
        st.divider()
        near_duplicates.show(project)


def leak_check(project: Project) -> None:
    """Draw the result of the last leak check."""
    muted(
        "Images of one patient resemble each other. If some train and others "
        "test, every figure is too good. So groups and near-duplicates stay on one side "
        "everywhere: cross-validation, audit set, test set, suggestions, curves, the bundle."
    )
    snapshot = LiveSession.of(project).snapshot
    if snapshot.cv is not None:
        st.html(leak_line(snapshot.cv.leaks))


def site(project: Project) -> None:
    """Draw which column says where an image comes from, with another choice."""
    st.header("Site")
    sites, columns = project.splits.sites, project.store.columns()
    if not columns:
        st.caption(
            "No column says site, scanner or laboratory. Import one with a manifest, and the "
            "classifier is tested on sites left out."
        )
        return
    choices = ["", *columns]
    chosen = st.selectbox(
        "Site, scanner or laboratory",
        choices,
        index=choices.index(sites.column) if sites.column in choices else 0,
        format_func=lambda name: name or "Not known",
        help="Inner stages of the network also see scanner and stain. Where sites are known, the "
        "classifier reads them only if they are as good on sites that it did not learn from.",
        key="fl-site",
    )
    if chosen != sites.column:
        sites.choose(chosen)
        refit(project)
