"""All pretraining runs: a table, and the curves of some beside each other."""

import streamlit as st

from fewshot_lab.runs import Run
from fewshot_lab.ui import chart_parts, run_charts
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.run_words import knn_gain, state_word


def foremost_run(runs: list[Run]) -> str | None:
    """Return the run to look at first: one that trains, else one that waits, else the newest."""
    order = {"running": 0, "queued": 1}
    first = min(runs, key=lambda run: order.get(run.status().state, 2), default=None)
    return first.name if first is not None else None


def show(runs: list[Run]) -> None:
    """Draw the table of all runs, anew every few seconds while one is active, and compare some."""
    active = any(run.started and run.status().active for run in runs)

    @st.fragment(run_every=5.0 if active else None)
    def table() -> None:
        with sentences():
            st.html(table_html(runs))

    table()
    begun = [run.name for run in runs if any(row["kind"] != "event" for row in run.metrics())]
    if len(begun) < 2:
        return
    compared = st.multiselect(
        "Compare", begun, default=begun[:3], max_selections=6, key="fl-compare"
    )
    picked = [run for run in runs if run.name in compared]
    if len(picked) > 1:
        figures = [run_charts.helping(picked), run_charts.rank(picked)]
        figures += [run_charts.loss_share(picked)]
        shown = [figure for figure in figures if figure is not None]
        for column, figure in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
            column.plotly_chart(figure, config=chart_parts.CONFIG)


def table_html(runs: list[Run]) -> str:
    """Return all runs as a table, as HTML."""
    rows = []
    for run in runs:
        status, checks = run.status(), run.checks()
        total = status.total or run.recipe.steps
        gain = knn_gain(checks) if checks else None
        knn = checks[-1]["knn"] if gain else None
        change = gain if len(checks) > 1 else None
        rows.append((run, state_word(run, status), status.done, total, knn, change))
    return fragment("runs", "table", rows)
