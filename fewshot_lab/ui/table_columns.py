"""What the columns of a table of images are: asked, with its first rows to look at."""

from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import ManifestColumns, guess_columns, read_table
from fewshot_lab.ui import sources
from fewshot_lab.ui.import_result import table_html
from fewshot_lab.ui.on_error import alert
from fewshot_lab.words import plural

PREVIEWED = 5


def show_first_rows(header: list[str], rows: list[list[str]]) -> None:
    """Draw the first rows of a table, to see what its columns hold."""
    st.caption(f"{plural(len(rows), 'row')}; the first {min(PREVIEWED, len(rows))}:")
    st.html(table_html(header, rows[:PREVIEWED]))


def dropped_columns(manifest: Any) -> ManifestColumns | None:
    """Ask what the columns of a dropped manifest are."""
    with sources.dropped_file(manifest) as path:
        return choose_columns(path, manifest.name)


def choose_columns(manifest: Path, key: str = "") -> ManifestColumns | None:
    """Ask what the columns of a manifest are, with its first rows to look at."""
    try:
        header, rows = read_table(manifest)
    except FewshotLabError as error:
        alert(str(error))
        return None
    trouble = ""
    try:
        guess = guess_columns(manifest)
    except FewshotLabError as error:
        guess, trouble = ManifestColumns(header[0]), str(error)
    show_first_rows(header, rows)
    if trouble:
        alert(trouble)
    none = "none"
    a, b, c = st.columns(3)
    key = key or str(manifest)
    path = a.selectbox("Path of the image", header, header.index(guess.path), key=f"fl-p-{key}")
    others = [none, *header]
    label = b.selectbox(
        "Reference label",
        others,
        others.index(guess.label) if guess.label else 0,
        key=f"fl-l-{key}",
    )
    group = c.selectbox(
        "Group (patient, slide)",
        others,
        others.index(guess.group) if guess.group else 0,
        key=f"fl-g-{key}",
    )
    taken = {path, label, group}
    rest = [name for name in header if name not in taken]
    kept = st.multiselect(
        "Further columns to keep",
        rest,
        [name for name in guess.metadata if name in rest],
        key=f"fl-m-{key}-{'-'.join(sorted(taken))}",
        placeholder="None",
    )
    return ManifestColumns(
        path, None if label == none else label, None if group == none else group, tuple(kept)
    )
