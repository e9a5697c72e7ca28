"""All pretraining runs: a table, and the curves of some beside each other."""

from html import escape

import streamlit as st

from fewshot_lab.runs import Run
from fewshot_lab.ui import chart_parts, run_charts
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.run_words import knn_gain, state_word
from fewshot_lab.words import count, percent, signed


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
    begun = [run.name for run in runs if run.metrics()]
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
    rows = ""
    for run in runs:
        status = run.status()
        total = status.total or run.recipe.steps
        checks = run.checks()
        knn = "</td><td>"
        if checks and checks[-1].get("knn") and checks[0].get("knn"):
            gain, last = knn_gain(checks), checks[-1]["knn"]
            between = f"{100 * last['low']:.1f}–{100 * last['high']:.1f}, n = {count(last['n'])}"
            points = (
                f"{signed(100 * gain['value'])} <span class='fl-muted'>"
                f"({signed(100 * gain['low'])} to {signed(100 * gain['high'])})</span>"
                if len(checks) > 1
                else ""
            )
            knn = (
                f"{percent(last['value'], 1)} <span class='fl-muted'>({between})</span>"
                f"</td><td class='n'>{points}"
            )
        rows += (
            f"<tr><td>{escape(run.name)}</td><td>{escape(state_word(run, status))}"
            f"</td><td class='n'>{count(status.done)} / {count(total)}</td><td class='n'>{knn}</td>"
            f"<td>{escape(run.ailment)}</td>"
            f"<td>{escape(run.source)}</td></tr>"
        )
    head = "<th>Run</th><th>State</th>"
    head += "".join(f"<th class=n>{title}</th>" for title in ("Steps", "kNN", "Gain, points"))
    head += "<th>Health</th><th>Images of</th>"
    return (
        f'<div class="fl-wide"><table class="fl-table runs"><tr>{head}</tr>{rows}</table></div>'
        if rows
        else ""
    )
