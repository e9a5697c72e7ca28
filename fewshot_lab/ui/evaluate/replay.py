"""What each suggestion strategy would have cost, and which one suggestions follow."""

from typing import Any

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.project import Project, set_strategy, strategy_of
from fewshot_lab.sampling import DEFAULT_STRATEGY, STRATEGIES
from fewshot_lab.ui import curve_charts
from fewshot_lab.ui.evaluate.parts import KINDS, kinds_of_labels, results_and_job, too_few
from fewshot_lab.ui.words import count, escape, signed

VERB = "evaluate-replay"
COLOURS = dict(zip(STRATEGIES, curve_charts.COLOURS, strict=False)) | {"random": curve_charts.GREY}


def show(project: Project) -> None:
    """Draw the newest replay, the strategy in use, and the form for another."""
    kinds = kinds_of_labels(project)
    used = strategy_of(project)
    said = used["sentence"] or f"Suggestions by {used['title']}."
    st.html(f'<p class="fl-lead">{escape(said)}</p>')
    choose(project, used)
    if not used["sentence"]:
        st.html(
            "<div class='fl-muted'>A replay labels images again whose labels are known, by each "
            "strategy from the start, and says what each would have cost in labels against "
            "random ones. Where one is better beyond doubt, suggestions follow it.</div>"
        )
    if not kinds:
        too_few("A replay needs 60 labelled images of two classes: yours, or reference labels.")
        return
    _, busy = results_and_job(project, VERB, "replay", draw)
    if busy:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        labels = st.radio(
            "Label again",
            list(kinds),
            format_func=kinds.__getitem__,
            horizontal=True,
            key="fl-replay-kind",
        )
        draws = st.number_input("Draws", 2, 100, 10, key="fl-replay-draws", width=120)
        if st.button("Replay", type="primary", key="fl-replay-start"):
            jobs.start(project.folder, VERB, ["--labels", labels, "--draws", str(draws)])
            st.rerun()


def choose(project: Project, used: dict[str, Any]) -> None:
    """Draw the setting; "auto" follows the evidence."""
    options = {"auto": "as the evidence says"} | STRATEGIES
    picked = st.selectbox(
        "Suggestions",
        list(options),
        index=list(options).index(used["setting"]),
        format_func=options.__getitem__,
        key=f"fl-strategy-{used['setting']}",
        width=420,
    )
    if picked != used["setting"]:
        set_strategy(project, picked)
        st.rerun()


def draw(found: dict[str, Any]) -> None:
    """Draw the curves and what each strategy cost."""
    made = curve_charts.figure("labels", "balanced accuracy")
    for row in found["strategies"]:
        points = row["curve"]
        curve_charts.band(
            made,
            [p["labels"] for p in points],
            [p["balanced_accuracy"] for p in points],
            [p["interval"][0] for p in points],
            [p["interval"][1] for p in points],
            name=row["title"],
            colour=COLOURS[row["strategy"]],
            faint=0.12,
            words="labels",
            filled=row["strategy"] in (DEFAULT_STRATEGY, "random"),
        )
    st.plotly_chart(made, config=curve_charts.CONFIG, key="fl-replay")
    st.html(table(found))
    kind = KINDS[found["labels"]]
    by = "by itself in the background" if found.get("background") else "as asked"
    told = (
        f"{count(found['images'])} images with {kind} labelled again {found['draws']} times, {by}; "
        f"{count(found['test_images'])} set apart for testing in each. {found['leak_check']} "
        "Intervals: 95 %, corrected for draws that share images (Nadeau & Bengio 2003)."
    )
    st.html(f'<div class="fl-small fl-muted">{escape(told)}</div>')


def table(found: dict[str, Any]) -> str:
    """Return gains and costs of each strategy as HTML."""
    targets = [c["accuracy"] for c in found["strategies"][0]["cost"]]
    head = "".join(f"<th class='n'>labels to {t:.2f} (share of random's)</th>" for t in targets)
    rows = []
    for row in found["strategies"]:
        gain = {key: 100 * v for key, v in row["than_random"].items()}
        points = "–"
        compared = row["strategy"] != "random"
        if compared:
            points = (
                f"{signed(gain['value'])} <span class='fl-muted'>{signed(gain['low'])} to "
                f"{signed(gain['high'])}</span>"
            )
        costs = "".join(f"<td class='n'>{cost(c, compared=compared)}</td>" for c in row["cost"])
        rows.append(f"<tr><td>{escape(row['title'])}</td><td class='n'>{points}</td>{costs}</tr>")
    return (
        "<table class='fl-table'><thead><tr><th>Strategy</th>"
        f"<th class='n'>points against random (95 %)</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def cost(row: dict[str, Any], *, compared: bool) -> str:
    """Return the labels needed, and how that compares with random."""
    if row["labels"] is None:
        return "<span class='fl-muted'>not reached</span>"
    if not compared:
        return f"{row['labels']:.0f}"
    if row["share"] is None:
        return f"some {row['labels']:.0f} <span class='fl-muted'>too unsure</span>"
    share = row["share"]
    return (
        f"{row['labels']:.0f} <span class='fl-muted'>{share['value']:.2f} "
        f"({share['low']:.2f}–{share['high']:.2f})</span>"
    )
