"""Outlines drawn in QuPath as labels of tiles: what it would do, told before it is done."""

import streamlit as st

from fewshot_lab.exchange import OutlinePreview, label_by_outlines, preview_outlines
from fewshot_lab.project import Project, slides_of
from fewshot_lab.ui import session, sources
from fewshot_lab.ui.fragments import muted, plainly
from fewshot_lab.ui.import_outcome import remember_outcome, show_outcome
from fewshot_lab.ui.import_result import table_html
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.words import percent, plural

BY_NAME = "the one the file is named after"
DONE = "fl-outlines"


def show(project: Project) -> None:
    """Draw the part of the Slides page that brings in outlines."""
    st.header("Outlines from QuPath")
    muted(
        "GeoJSON of annotations with classes, one slide a file. Tiles that lie inside get the "
        "class. A preview comes first."
    )
    show_outcome(project, DONE)
    turn = st.session_state.setdefault("fl-outlines-turn", 0)
    dropped = st.file_uploader(
        "Drop a GeoJSON here, or choose one", type=["geojson", "json"], key=f"fl-outlines-{turn}"
    )
    if dropped is None:
        return
    left, right = st.columns(2, gap="large")
    names = [slide.name for slide in slides_of(project)]
    chosen = left.selectbox("Drawn on", [BY_NAME, *names], key=f"fl-outlines-slide-{turn}")
    least = right.slider(
        "A tile counts as inside from this share of it on",
        *(10, 100, 50, 5),
        format="%d %%",
        key=f"fl-outlines-least-{turn}",
    )
    with sentences(), sources.dropped_file(dropped) as file:
        preview = preview_outlines(
            project,
            file,
            session.annotator(),
            slide=None if chosen == BY_NAME else chosen,
            least=least / 100,
            name=dropped.name,
        )
        _preview(preview)
        if st.button(
            f"Label {plural(len(preview.rows), 'tile')}",
            type="primary",
            disabled=not preview.rows,
            key="fl-outlines-store",
        ):
            label_by_outlines(project, preview, session.annotator())
            remember_outcome(project, DONE)
            st.session_state["fl-outlines-turn"] += 1
            st.rerun()


def _preview(preview: OutlinePreview) -> None:
    plainly(preview.sentence)
    muted(f"The labels carry the name {session.annotator()}.")
    labels = preview.labels
    new = {name.casefold() for name in labels.new_classes}
    rows = [
        [name, f"{n:,}", percent(n / preview.tiles), "new class" if name.casefold() in new else ""]
        for name, n in labels.counts.items()
    ]
    if rows:
        st.html(table_html(["Class", "Tiles", "Of the slide", "Note"], rows))
    if labels.changed:
        alert(f"{plural(labels.changed, 'tile')} of yours would get another label than now.")
