"""What the parts of the view on probabilities share."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from fewshot_lab.evaluation import Settings
from fewshot_lab.project import Gathered, Project, class_names, keep_settings


def unbroken(text: str) -> str:
    """Return text that breaks no line between a number and its sign."""
    return text.replace(" %", "\u00a0%")


def percent_slider(
    label: str, steps: Sequence[float], share: float, *, key: str, none: str = "0 %"
) -> float:
    """Draw a slider over percentages, among them the one that is set; return a share."""
    chosen = round(100 * share, 3)
    percentage = st.select_slider(
        label,
        sorted({*steps, chosen}),
        value=chosen,
        format_func=lambda value: f"{value:g} %" if value else none,
        key=key,
    )
    return float(percentage) / 100


def keep(project: Project, settings: "Settings", **values: object) -> None:
    """Store changed settings, and draw again by them."""
    new = {**settings.to_dict(), **values}
    if new != settings.to_dict():
        keep_settings(project, new)
        st.rerun()  # not of the fragment alone: that fails where the whole page runs


def class_rows(
    project: Project, gathered: "Gathered", by_class: Mapping[int, Any]
) -> list[tuple[str, str, Any]]:
    """Return name, colour and value of each class, from its column."""
    names = class_names(project, gathered.class_ids)
    colours = {row.id: row.color for row in project.store.classes(include_retired=True)}
    return [
        (names[k], colours.get(int(gathered.class_ids[k]), ""), value)
        for k, value in by_class.items()
    ]
