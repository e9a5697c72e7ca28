"""Classes that are grades: their order, and how far predicted grades are from the true ones."""

from collections.abc import Sequence

import streamlit as st

from fewshot_lab.project import Gathered, Project, grade_figures, grades_of, set_grades
from fewshot_lab.ui.evaluate.parts import refit
from fewshot_lab.ui.evaluate.probability_parts import unbroken
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.ui.on_error import sentences


def show(project: Project, gathered: "Gathered", names: Sequence[str]) -> None:
    """Draw the order of the classes, and the figures that follow from it."""
    st.header("Grades")
    left, right = st.columns([2, 3], gap="large")
    with left:
        choose_order(project)
    figures = grade_figures(project, gathered.evidence, gathered.class_ids, names, gathered.costs)
    with right:
        if "reason" in figures:
            muted(figures["reason"])
            return
        plainly(unbroken(figures["sentence"]))
        st.html(fragment("clinical", "grades", figures))


def choose_order(project: Project) -> None:
    """Draw the order of the classes, and keep another one."""
    by_id = {row.id: row.name for row in project.store.classes()}
    order = [by_id[i] for i in grades_of(project)]
    muted("Where classes are grades, an error by two grades is worse than one by a single grade.")
    chosen = st.multiselect(
        "Classes from the lowest grade to the highest",
        list(by_id.values()),
        default=order,
        placeholder="Choose all classes, the lowest grade first",
        key=f"fl-grades-{'-'.join(order)}",
    )
    if chosen == order:
        return
    if st.button("Use this order" if chosen else "They are no grades", key="fl-grades-use"):
        done = f"Grades: {' < '.join(chosen)}." if chosen else "The classes are no grades."
        with sentences():
            set_grades(project, chosen)
            refit(project, done)
