"""Errors that are worse than others, as sentences."""

from collections.abc import Sequence

import streamlit as st

from fewshot_lab.project import (
    ErrorCost,
    Gathered,
    Project,
    cost_figures,
    cost_words,
    error_costs,
    set_error_costs,
)
from fewshot_lab.ui.evaluate.parts import refit
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.ui.on_error import sentences

TIMES = 20.0


def show(project: Project, gathered: "Gathered", names: Sequence[str]) -> None:
    """Draw the errors that are not ordinary, how often they happen, and the way to add one."""
    st.header("Costs of errors")
    by_id = {row.id: row.name for row in project.store.classes()}
    costs = error_costs(project)
    left, right = st.columns(2, gap="large")
    with left:
        if not costs:
            muted("All errors count the same. Say here which one is worse than the others.")
        for at, cost in enumerate(costs):
            with st.container(horizontal=True, vertical_alignment="center"):
                plainly(cost_words(by_id[cost.true], by_id[cost.called], cost.times))
                if st.button("Remove", type="tertiary", key=f"fl-cost-remove-{at}"):
                    keep(project, [each for each in costs if each != cost])
        add(project, by_id, costs)
    with right:
        figures = cost_figures(project, gathered.evidence, gathered.class_ids, names)
        if "errors" in figures:
            plainly(figures["decides"])
            st.html(fragment("clinical", "costs", figures))


def add(project: Project, by_id: dict[int, str], costs: tuple[ErrorCost, ...]) -> None:
    """Draw the sentence that says what another error costs."""
    ids = list(by_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        true = st.selectbox("An image of", ids, format_func=by_id.__getitem__, key="fl-cost-true")
        called = st.selectbox(
            "called",
            [i for i in ids if i != true],
            format_func=by_id.__getitem__,
            key="fl-cost-called",
        )
        times = st.number_input(
            "is worse, times", 0.1, 1000.0, TIMES, step=1.0, format="%g", key="fl-cost-times"
        )
        if st.button("Add", key="fl-cost-add") and called is not None:
            others = [c for c in costs if (c.true, c.called) != (true, called)]
            keep(project, [*others, ErrorCost(true, called, float(times))])


def keep(project: Project, costs: list[ErrorCost]) -> None:
    """Store the costs, and draw again by them."""
    with sentences():
        set_error_costs(project, costs)
        refit(project)
