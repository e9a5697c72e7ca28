"""A file that was written for somebody: the button that downloads it, opened when it is pressed."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import streamlit as st

from fewshot_lab.words import moment, size


@dataclass(frozen=True)
class Opener:
    """Opens a file only when it is called: it is not read with every run of the page."""

    path: Path

    def __call__(self) -> BinaryIO:
        """Return the open file."""
        return self.path.open("rb")


def download_csv(table: bytes, name: str, **settings: Any) -> None:
    """Offer a table as a file of that name."""
    key = f"fl-{name}"
    st.download_button(
        "Download as CSV", table, name, "text/csv", on_click="ignore", key=key, **settings
    )


def download(file: Path, label: str, *, key: str, name: str = "") -> None:
    """Draw the button, with the file's size behind its label; ``name`` is what gets saved."""
    name = name or file.name
    st.download_button(
        f"{label}, {size(file.stat().st_size)}",
        Opener(file),
        name,
        mimetypes.guess_type(name)[0],
        on_click="ignore",
        key=key,
    )


def written(file: Path) -> str:
    """Say when a file was written."""
    return f"Written {moment(file.stat().st_mtime)}."
