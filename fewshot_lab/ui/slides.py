"""The page of whole slides: what is said of each, downloads, and outlines from QuPath."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import streamlit as st

from fewshot_lab import live
from fewshot_lab.project import PredictedImages, SlideReport, slide_report
from fewshot_lab.ui import outline_import, session, slide_downloads, visitor
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.ui.newest_snapshot import newest_snapshot
from fewshot_lab.ui.on_error import note, sentences

if TYPE_CHECKING:
    from fewshot_lab.live import PageState, SlideIndex
    from fewshot_lab.project import Project

SHOWN = 200


def show(project: Project) -> None:
    """Draw the page."""
    state = live.page_state_of(project.name)
    index = live.slide_index(state)
    if not index.slides:
        empty("This project has no tiles of whole slides.", "Import slides", "import", project)
        return
    predicted = _predicted(state)
    with sentences():
        _table(state, index, predicted)
    if visitor.may("export", project.name):
        st.divider()
        with sentences():
            slide_downloads.show(project, index, predicted=not isinstance(predicted, str))
    if visitor.may("import", project.name):
        st.divider()
        with sentences():
            outline_import.show(project)


def _predicted(state: PageState) -> PredictedImages | str:
    """Return what the newest classifier says, or why there is none."""
    snapshot = newest_snapshot(state.project)
    if snapshot.fitted is None or snapshot.probabilities is None or snapshot.cv is None:
        return snapshot.message or "Label tiles of two classes."
    return PredictedImages(snapshot.ids, snapshot.probabilities, snapshot.fitted, snapshot.cv.ids)


def _table(state: PageState, index: SlideIndex, predicted: PredictedImages | str) -> None:
    visibility = live.visibility_of(state, state.order(), session.annotator())
    hidden = visibility.prediction_hidden is not None and bool(visibility.prediction_hidden.any())
    report = None
    if hidden:
        note("You label blind: predictions of the slides are shown when your images are done.")
    elif isinstance(predicted, str):
        muted(f"Shares and answers come with the classifier. {predicted}")
    else:
        key = state.live.snapshot.rev
        report = state.cached("slide report", key, lambda: slide_report(state.project, predicted))
        plainly("How much of each slide every class takes, with its 95 % interval.")
    keys = list(index.slides)[:SHOWN]
    rows = [_row(state, index, key, report) for key in keys]
    classes = list(report.colours.items()) if report else []
    st.html(fragment("slides", "table", rows, classes))
    if len(index.slides) > SHOWN:
        muted(f"and {len(index.slides) - SHOWN:,} more in the tables below.", small=True)
    if report is not None:
        muted(report.caution)
        muted(f"One answer for each slide. {report.rule_sentence}")


def _row(
    state: PageState, index: SlideIndex, key: str, report: SlideReport | None
) -> dict[str, object]:
    link = f"label?project={quote(state.project.name)}&open=slide-{key}"
    row: dict[str, object] = {"name": index.titles[key], "link": link}
    summary = None
    if report is not None:
        name = index.slides[key].name
        summary = next((each for each in report.slides if each.slide.name == name), None)
    if report is None or summary is None:
        labels = state.project.store.labels()
        tiles = index.tiles[key]
        labelled = sum(tile.image_id in labels for tile in tiles)
        return row | {"tiles": len(tiles), "labelled": labelled, "answer": "", "shares": {}}
    return row | {
        "tiles": summary.tiles,
        "labelled": summary.labelled,
        "answer": summary.answer,
        "score": summary.scores.get(summary.answer, 0.0),
        "colour": report.colours.get(summary.answer, ""),
        "shares": summary.shares,
    }
