"""The pages, in the order of the work."""

from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab.ui import visitor

FOLDER = Path(__file__).resolve().parents[2] / "pages"

# Title and file; the first is the home page.
PAGES = {
    "projects": ("Projects", "projects.py"),
    "import": ("Import", "import_images.py"),
    "label": ("Label", "label.py"),
    "slides": ("Slides", "slides.py"),
    "evaluate": ("Evaluate", "evaluate.py"),
    "export": ("Export", "export.py"),
    "predict": ("Predict", "predict.py"),
    "pretrain": ("Pretrain", "pretrain.py"),
    "backbone": ("Backbone", "backbone.py"),
    "glossary": ("Glossary", "glossary.py"),
    "members": ("Members", "members.py"),
}
HIDDEN = {"backbone", "glossary", "members"}


def rooted(path: str) -> str:
    """Return an address of the app below ``server.baseUrlPath``, as the browser asks for it."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path


def page(name: str, *, offered: bool = True) -> Any:
    """Return the ``st.Page`` of a page; one that is not offered is not in the bar at the top."""
    title, file = PAGES[name]
    return st.Page(
        FOLDER / file,
        title=title,
        url_path=name,
        default=name == "projects",
        visibility="hidden" if name in HIDDEN or not offered else "visible",
    )


def link(name: str, label: str, project: str | None = None, **query: str) -> None:
    """Draw a link to a page, with the project and what it is to open in its address.

    Nothing for whoever may not open it.
    """
    if not visitor.is_offered(name, project):
        return
    params = ({"project": project} if project else {}) | query
    st.page_link(page(name), label=label, query_params=params or None)


def go(name: str, project: str | None = None) -> None:
    """Go to a page; does not return."""
    st.switch_page(page(name), query_params={"project": project} if project else None)
