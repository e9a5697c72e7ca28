"""What a page says when something is wrong: a sentence, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import disk_sentence

_log = logging.getLogger("fewshot_lab")

UNEXPECTED = (
    "Something went wrong in the app itself. What was stored is safe; the server's log says what "
    "happened. Reload the page to go on."
)


def alert(sentence: str) -> None:
    """Show a sentence that says what is wrong."""
    st.html(f'<div class="fl-alert" role="alert">{escape(sentence)}</div>')


def note(sentence: str) -> None:
    """Show a sentence that says what was done."""
    st.html(f'<div class="fl-note" role="status">{escape(sentence)}</div>')


def show_error(error: Exception) -> bool:
    """Show what a user can make of an exception; the log gets the rest.

    Returns
    -------
    bool
        True: nothing else needs to be shown.
    """
    if isinstance(error, FewshotLabError):
        alert(str(error))
    elif sentence := disk_sentence(error):
        alert(sentence)
    else:
        _log.error("A page failed", exc_info=error)
        alert(UNEXPECTED)
    return True


@contextmanager
def sentences() -> Iterator[None]:
    """Run part of a page; an error becomes a sentence in its place."""
    try:
        yield
    except Exception as error:  # Streamlit's own reruns and stops are not Exceptions
        show_error(error)
