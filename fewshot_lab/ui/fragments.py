"""HTML fragments from the templates beside this file; whatever is put into one is escaped."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from fewshot_lab import words
from fewshot_lab.project import between
from fewshot_lab.ui.glossary import explained


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for name in ("ago", "count", "duration", "percent", "plural", "points", "shortened"):
        environment.filters[name] = getattr(words, name)
    environment.filters["between"] = between
    environment.filters["explained"] = lambda text: Markup(explained(text))
    environment.filters["bounds"] = words.limits_of
    environment.filters["share"] = words.share_of
    environment.filters["interval"] = lambda i: words.interval(i.value, i.low, i.high)
    return environment


def fragment(template: str, part: str, *args: Any, **values: Any) -> str:
    """Return one part (a macro) of a template as HTML."""
    return str(
        getattr(_environment().get_template(f"{template}.html").module, part)(*args, **values)
    )


def muted(text: str, *, small: bool = False) -> None:
    """Draw a remark."""
    size = " fl-small" if small else ""
    st.html(f'<div class="fl-muted{size}">{explained(text)}</div>')


def lead(text: str) -> None:
    """Draw the sentence that a view begins with."""
    st.html(f'<p class="fl-lead">{explained(text)}</p>')


def plainly(text: str) -> None:
    """Draw a sentence."""
    st.html(f"<div>{explained(text)}</div>")
