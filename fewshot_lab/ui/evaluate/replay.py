"""What each suggestion strategy would have cost, and which one suggestions follow."""

from typing import Any

import streamlit as st

from fewshot_lab.project import Project, set_strategy, strategies_of, strategy_of
from fewshot_lab.sampling import DEFAULT_STRATEGY, STRATEGIES
from fewshot_lab.ui import chart_parts, curve_charts, work
from fewshot_lab.ui.choices import labels_to_use, select
from fewshot_lab.ui.evaluate.parts import KINDS, kinds_of_labels, results_and_job, too_few
from fewshot_lab.ui.fragments import fragment, lead, muted
from fewshot_lab.words import count

VERB = "evaluate-replay"
COLOURS = dict(zip(STRATEGIES, chart_parts.COLOURS, strict=False)) | {"random": chart_parts.GREY}


def show(project: Project) -> None:
    """Draw the newest replay, the strategy in use, and the form for another."""
    kinds = kinds_of_labels(project)
    used = strategy_of(project)
    lead(used["sentence"] or f"Suggestions by {used['title']}.")
    choose(project, used)
    if not used["sentence"]:
        muted(
            "A replay labels images with known labels again, by each strategy from the start, and "
            "compares how many labels each needs with random ones. If one is clearly better, "
            "suggestions follow it."
        )
    if not kinds:
        too_few("A replay needs 60 labelled images of two classes: yours, or reference labels.")
        return
    _, busy = results_and_job(project, VERB, "replay", draw)
    if busy:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        labels = labels_to_use("Label again", kinds, "fl-replay-kind")
        draws = st.number_input("Draws", 2, 100, 10, key="fl-replay-draws", width=120)
        if st.button("Replay", type="primary", key="fl-replay-start"):
            work.start(project, VERB, labels=labels, draws=draws)
            st.rerun()


def choose(project: Project, used: dict[str, Any]) -> None:
    """Draw the setting; "auto" follows the evidence."""
    options = {"auto": "as the evidence says"} | strategies_of(project)
    now = used["setting"]
    picked = select("Suggestions", options, now, key=f"fl-strategy-{now}", width=420)
    if picked != now:
        set_strategy(project, picked)
        st.rerun()


def draw(result: dict[str, Any]) -> None:
    """Draw the curves and what each strategy cost."""
    figure = curve_charts.figure("labels", "balanced accuracy")
    for row in result["strategies"]:
        curve_charts.band_of(
            figure,
            row["curve"],
            "labels",
            name=row["title"],
            colour=COLOURS[row["strategy"]],
            faint=0.12,
            words="labels",
            filled=row["strategy"] in (DEFAULT_STRATEGY, "random"),
        )
    st.plotly_chart(figure, config=chart_parts.CONFIG, key="fl-replay")
    st.html(table(result))
    kind = KINDS[result["labels"]]
    by = "by itself in the background" if result.get("background") else "as asked"
    how = (
        f"{count(result['images'])} images with {kind} labelled again {result['draws']} times, "
        f"{by}; {count(result['test_images'])} set apart for testing in each. "
        f"{result['leak_check']} Intervals: 95 %, corrected for draws that "
        "share images (Nadeau & Bengio 2003)."
    )
    muted(how, small=True)


def table(result: dict[str, Any]) -> str:
    """Return gains and costs of each strategy as HTML."""
    return fragment("curves", "replay", result["strategies"])
