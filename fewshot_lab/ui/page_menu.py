"""The menu at the end of the top bar: first steps, glossary, colours; and the meanings of words.

It works in the browser alone: no click in it runs a script.
"""

from pathlib import Path

import streamlit as st

from fewshot_lab.ui.glossary import meanings
from fewshot_lab.ui.pages import PAGES, rooted
from fewshot_lab.web import workspace_url

_mount = st.components.v2.component(
    "fewshot_page_menu",
    js=(Path(__file__).parent / "page_menu.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def page_menu() -> None:
    """Draw the menu."""
    home = next(iter(PAGES))
    pages = {name: rooted("/" if name == home else f"/{name}") for name in PAGES}
    with st.container(key="fl-menu"):
        _mount(
            key="page-menu",
            data={
                "main": rooted(workspace_url("pagemenu.js")),
                "meanings": meanings(),
                "pages": pages,
            },
        )
