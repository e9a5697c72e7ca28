"""Labels from a table: what it would do, told before it is done."""

from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab.images import read_table
from fewshot_lab.project import CsvPreview, Project
from fewshot_lab.tables import find_column
from fewshot_lab.ui import session, sources
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.import_outcome import remember_outcome, show_outcome
from fewshot_lab.ui.import_result import table_html
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.ui.table_columns import show_first_rows
from fewshot_lab.words import count, plural

NAMED = 8
DONE = "fl-labels"


def show(project: Project) -> None:
    """Draw the part of the Import page that brings in labels."""
    st.divider()
    st.header("Labels from a table")
    muted("A CSV with a column of file names and one of labels. What it would do is shown first.")
    show_outcome(project, DONE)
    turn = st.session_state.setdefault("fl-labels-turn", 0)
    dropped = st.file_uploader(
        "Drop a CSV here, or choose one", type=["csv", "tsv", "txt"], key=f"fl-labels-{turn}"
    )
    if dropped is None:
        return
    with sentences(), sources.dropped_file(dropped) as table:
        columns = _columns(table)
        preview = project.labels.preview_csv(table, session.annotator(), columns=columns)
        _preview(preview)
        if st.button(
            f"Label {plural(preview.images, 'image')}",
            type="primary",
            disabled=bool(preview.problem) or not preview.images,
            key="fl-labels-store",
        ):
            project.labels.add_csv(table, session.annotator(), columns=columns)
            remember_outcome(project, DONE)
            st.session_state["fl-labels-turn"] += 1
            st.rerun()


def _columns(table: Path) -> tuple[str, str]:
    """Ask which column is what, with the first rows to look at."""
    header, rows = read_table(table)
    show_first_rows(header, rows)
    left, right = st.columns(2)

    def ask(place: Any, title: str, name: str, otherwise: int) -> str:
        guess = find_column(header, name)
        at = min(otherwise if guess is None else guess, len(header) - 1)
        return str(place.selectbox(title, header, at, key=f"fl-labels-{name}-{table.name}"))

    return ask(left, "File name or path", "path", 0), ask(right, "Label", "label", 1)


def _preview(preview: CsvPreview) -> None:
    """Say what would be done, and warn of what may not be meant."""
    plainly = (
        f"{count(preview.rows - len(preview.unmatched))} of {plural(preview.rows, 'row')} match"
    )
    copies = preview.rows - len(preview.unmatched) - preview.images
    if copies:
        plainly += f"; {count(copies)} of them name an image a second time"
    muted(f"{plainly}. The labels carry the name {session.annotator()}.")
    new = {name.casefold() for name in preview.new_classes}
    rows = [
        [name, count(n), "new class" if name.casefold() in new else ""]
        for name, n in preview.counts.items()
    ]
    if rows:
        st.html(table_html(["Label", "Images", "Note"], rows))
    if preview.problem:
        alert(preview.problem)
    if len(preview.new_classes) > max(NAMED, preview.images // 3):
        alert(
            f"{plural(len(preview.new_classes), 'class', 'classes')} would be created for "
            f"{plural(preview.images, 'image')}: is this the column of labels?"
        )
    if preview.changed:
        alert(f"{plural(preview.changed, 'image')} of yours would get another label than now.")
    if preview.unmatched:
        with st.expander(f"{plural(len(preview.unmatched), 'row')} without an image here"):
            muted(
                "No image has this path, or several images have this file name. These rows are "
                "left out:",
                small=True,
            )
            st.html(table_html(["File"], [[path] for path in preview.unmatched[:200]]))
