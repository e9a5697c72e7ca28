"""Fields of which one answer is chosen: a table says what each answer is called."""

from collections.abc import Mapping
from typing import Any

import streamlit as st


def select(label: str, titles: Mapping[str, str], now: str = "", **settings: Any) -> str:
    """Draw a list to open, and return what is chosen; ``now``, or the first one, is at first."""
    keys = list(titles)
    first = keys.index(now) if now in keys else 0
    chosen: str = st.selectbox(label, keys, first, format_func=titles.__getitem__, **settings)
    return chosen


def segments(label: str, titles: Mapping[str, str], now: str = "", **settings: Any) -> str:
    """Draw all answers beside each other; ``now``, or the first one, is chosen at first."""
    keys = list(titles)
    settings |= {"default": now or keys[0], "required": True}
    chosen: str = st.segmented_control(label, keys, format_func=titles.__getitem__, **settings)
    return chosen


def labels_to_use(label: str, kinds: Mapping[str, str], key: str) -> str:
    """Ask which labels a study takes: those that came with the images, or people's."""
    return st.radio(label, list(kinds), format_func=kinds.__getitem__, horizontal=True, key=key)
