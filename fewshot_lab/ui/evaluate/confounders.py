"""Is it the disease or the site? What suspected confounders have to do with the classifier."""

from functools import partial
from typing import Any

import streamlit as st

from fewshot_lab.live import Snapshot, page_state_of
from fewshot_lab.project import (
    Project,
    confounders_of,
    confounding_of,
    error_costs,
    set_confounders,
    set_strategy,
    strategy_of,
)
from fewshot_lab.sampling import GAPS
from fewshot_lab.ui.evaluate.parts import follow_classifier
from fewshot_lab.ui.evaluate.probability_parts import unbroken
from fewshot_lab.ui.fragments import fragment, lead, muted
from fewshot_lab.ui.on_error import sentences

SHOWN_CLASSES = 8
"""More classes than this are listed below one another."""


def show(project: Project) -> None:
    """Draw the choice of columns, then what each has to do with the classifier."""
    columns = project.store.columns()
    if not columns:
        lead("No image has a metadata column.")
        muted(
            "Import site, scanner, stain, batch, age or sex with a manifest (a CSV with a column "
            "for each), and this page says whether the classifier uses them."
        )
        return
    choose(project, columns)
    if confounders_of(project):
        gaps(project)
        follow_classifier(project, partial(_draw_reports, project), key="confounders")
    else:
        muted(
            "A classifier may recognise the hospital, the scanner or the stain instead of the "
            "disease: it is then right here and wrong elsewhere. Name the columns that could "
            "cause this, and the page looks for their traces in images, accuracy and "
            "probabilities."
        )


def choose(project: Project, columns: list[str]) -> None:
    """Draw which columns are suspected, and keep what is chosen."""
    named = confounders_of(project)
    chosen = st.multiselect(
        "Suspected confounders",
        columns,
        default=named,
        placeholder="Site, scanner, stain, batch, age, sex",
        help="Columns that should not matter for the class. They are kept in the project; report "
        "and card show what was found.",
        key=f"fl-confounders-{'-'.join(named)}",
        width=640,
    )
    if chosen != named:
        with sentences():
            set_confounders(project, chosen)
            st.rerun()


def gaps(project: Project) -> None:
    """Draw whether suggestions fill the gaps of class by site, and keep what is chosen."""
    filled = strategy_of(project)["setting"] == GAPS
    chosen = st.toggle(
        "Suggestions fill gaps first",
        value=filled,
        help="Images likely of a class that has few labels at a site come first, so that class and "
        "site can be told apart.",
        key=f"fl-gaps-{filled}",
    )
    if chosen != filled:
        set_strategy(project, GAPS if chosen else "auto")
        st.rerun()


def _draw_reports(project: Project, snapshot: Snapshot) -> None:
    for number, report in enumerate(reports_once(project, snapshot)):
        if number:
            st.divider()
        draw(report)


def reports_once(project: Project, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return what was found with a snapshot's classifier, computed once: it takes seconds."""
    assert snapshot.fitted is not None and snapshot.cv is not None
    fitted, ids = snapshot.fitted, snapshot.cv.ids
    columns = confounders_of(project)
    rests_on = snapshot.position, project.splits.revision, error_costs(project), *columns
    key = id(fitted), rests_on

    def look() -> list[dict[str, Any]]:
        with st.spinner("Looking for them in images, accuracy and probabilities"):
            return confounding_of(project, fitted, ids, columns)

    return page_state_of(project.name).cached("confounders", key, look)


def draw(report: dict[str, Any]) -> None:
    """Draw a column: the verdict in words, then its figures."""
    st.header(str(report["column"]))
    st.html(unbroken(fragment("confounders", "verdict", report)))
    if report["telling"] is None:
        return
    st.html(unbroken(fragment("confounders", "figures", report)))
    st.html(fragment("confounders", "values", report))
    if len(report["classes"]) <= SHOWN_CLASSES:
        st.html(fragment("confounders", "counts", report))
    else:
        with st.expander("Labelled images by class"):
            st.html(fragment("confounders", "counts", report))
    st.html(fragment("confounders", "notes", report))
