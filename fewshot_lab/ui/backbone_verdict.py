"""Which backbone suits a project's labels: the newest comparison, and starting another."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from fewshot_lab.project import Project, candidates, images_to_compare, points, verdict
from fewshot_lab.ui import work
from fewshot_lab.ui.fragments import fragment, lead, muted
from fewshot_lab.words import duration, plural, share

VERB = "compare-backbones"


def show(project: Project, *, busy: bool, use: Callable[[Project, str], None]) -> None:
    """Draw the newest comparison and the button for another; ``use`` switches to a backbone."""
    ended = work.latest(project, (VERB,))
    if ended is not None and not busy:
        work.show_ending(project, ended)
    comparison = verdict(project)
    if comparison is None:
        n = len(candidates(project))
        muted(
            f"{plural(n, 'backbone')} that {'comes' if n == 1 else 'come'} "
            "with the app can be compared with the one in use, on your labels: each image is "
            "predicted by classifiers that have not seen it. It needs five labels of every class, "
            f"and switches nothing. {cost(project)}"
        )
    else:
        lead(comparison["sentence"])
        st.html(table(comparison))
        muted(cost(project), small=True)
    label = "Compare on my labels" if comparison is None else "Compare again"
    with st.container(horizontal=True, gap="small"):
        better = comparison["better"] if comparison else None
        if better and st.button("Switch to it", type="primary", key="fl-better", disabled=busy):
            use(project, better)
        no_images = images_to_compare(project) == 0
        if st.button(label, key="fl-compare-labels", disabled=busy or no_images):
            work.start(project, VERB)
            st.rerun()


def cost(project: Project) -> str:
    """Say how long a comparison takes: by the last one, else by the speed of the last embedding."""
    comparison = verdict(project)
    if comparison is not None and "seconds" in comparison:  # earlier versions kept none
        took = duration(comparison["seconds"])
        return f"The last comparison took {took}, with {plural(comparison['compared'], 'label')}."
    n = images_to_compare(project)
    report = (last := work.latest(project, ("prepare", "embed", "demo"))) and last.report()
    embedded = (report or {}).get("embed") or report or {}
    speed = embedded.get("images_per_second") or 0.0
    each = f"Each of them embeds {plural(n, 'image')}"
    if not speed:
        return f"{each}."
    seconds = duration(n * len(candidates(project)) / speed)
    return f"{each}: together about {seconds}, at the speed of the last embedding here."


def table(comparison: dict[str, Any]) -> str:
    """Return a comparison as HTML, a row for each backbone."""
    rows = [
        (row["title"], share(*row["balanced_accuracy"]), points(row) if "gain" in row else "in use")
        for row in comparison["rows"]
    ]
    leaks: dict[str, list[str]] = {}
    for row in comparison["rows"]:
        if what := row.get("leaks"):
            leaks.setdefault(what, []).append(row["title"])
    return fragment("backbones", "verdict", comparison, rows, leaks.items())
