"""Slides as files for other tools: written by a job, then to be downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from fewshot_lab.exchange import SlideKind
from fewshot_lab.ui import work
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.written_bundles import exports_folder
from fewshot_lab.ui.written_file import download, written
from fewshot_lab.words import duration, plural

if TYPE_CHECKING:
    from fewshot_lab.live import SlideIndex
    from fewshot_lab.project import Project

VERB = "slides-out"
KINDS: dict[SlideKind, tuple[str, str]] = {
    "geojson": (
        "Write tiles for QuPath (GeoJSON)",
        "A file for each slide: class, probability and colour of every tile. Drop it on the open "
        "slide in QuPath.",
    ),
    "heat-map": (
        "Write heat maps (OME-TIFF)",
        "A file for each slide: a channel for each class, in its place and physical size.",
    ),
    "csv": (
        "Write tables (CSV)",
        "One row for each tile; one for each slide, with its shares.",
    ),
}
STARTING_SECONDS, SECONDS_A_TILE = 10.0, 0.0001
"""To start and to fit the classifier, and to write (docs/slides.md); rather too much."""


def show(project: Project, index: SlideIndex, *, predicted: bool) -> None:
    """Draw what can be written, and what was written last.

    Parameters
    ----------
    project : Project
    index : SlideIndex
    predicted : bool
        Whether there is a classifier: without one there is no heat map.
    """
    st.header("To other tools")
    tiles = sum(map(len, index.tiles.values()))
    if work.is_busy(project, VERB):
        return
    muted(
        f"{plural(len(index.slides), 'slide')} with {plural(tiles, 'tile')}: about "
        f"{duration(STARTING_SECONDS + SECONDS_A_TILE * tiles)} for each kind of file."
    )
    for column, kind in zip(st.columns(len(KINDS), gap="large"), KINDS, strict=True):
        with column:
            _one(project, kind, ready=predicted or kind != "heat-map")


def _one(project: Project, kind: SlideKind, *, ready: bool) -> None:
    title, caption = KINDS[kind]
    file = exports_folder(project) / "slides" / f"{project.name}-slides-{kind}.zip"
    if st.button(title, disabled=not ready, key=f"fl-{VERB}-{kind}"):
        work.start(project, VERB, str(file), as_=kind)
        st.rerun()
    caption = caption if ready else f"{caption} They come with the classifier."
    if file.exists():
        download(file, "Download ZIP", key=f"fl-slides-{kind}")
        caption += f" {written(file)}"
    st.caption(caption)
