"""Choosing a folder of the server by clicking into it."""

from pathlib import Path

import streamlit as st

from fewshot_lab.ui import folders
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.markdown import plain
from fewshot_lab.words import shortened

LONGEST = 60
FEW = 7
TALLEST = 260


def browse(path: Path | None, key: str) -> None:
    """Draw where one is and what lies there; a click writes a path into the field ``key``.

    Parameters
    ----------
    path : Path or None
        A folder, or a file in one; None where nothing has been chosen.
    key : str
        Of the text field that holds the path.
    """
    starts = folders.starting_folders()
    folder = path.parent if path is not None and path.is_file() else path
    if folder is None and starts:
        folder = starts[0]
    with st.container(border=True, key="fl-browser"):
        with st.container(horizontal=True, gap="small", key="fl-crumbs"):
            trail = folders.breadcrumb(folder) if folder is not None else []
            for place, each in enumerate(trail):
                after = " ›" if place < len(trail) - 1 else ""
                _step(each, key, start_name(each) if place == 0 else each.name, after)
            for start in [s for s in starts if s not in trail]:
                _step(start, key, start_name(start), icon=":material/hard_drive:")
        if folder is None:
            return
        try:
            listed, more = folders.entries(folder)
        except OSError as error:
            muted(f"{folder} cannot be opened: {error.strerror}.")
            return
        with st.container(
            height=TALLEST if len(listed) > FEW else "content",
            border=False,
            gap=None,
            key="fl-folders",
        ):
            for entry in listed:
                icon = "folder_zip" if entry.path.is_file() else "folder"
                _step(entry.path, key, entry.label, icon=f":material/{icon}:")
            if not listed:
                muted("No further folder here.")
            if more:
                muted("There are more: type the path.")


def start_name(folder: Path) -> str:
    """Return what a folder where looking begins is called."""
    return "Home" if folder == Path.home() else folder.name or str(folder)


def _step(path: Path, key: str, label: str, after: str = "", icon: str | None = None) -> None:
    st.button(
        plain(shortened(label, LONGEST)) + after,
        key=f"fl-go-{path}-{after}",
        icon=icon,
        type="tertiary",
        on_click=_go,
        args=(path, key),
    )


def _go(path: Path, key: str) -> None:
    st.session_state[key] = str(path)
