"""The Evaluate page: one module a view, chosen by its title (``?view=Curve``) in the address."""

from importlib import import_module

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui.choices import segments

# Module, title; a module draws its view with ``show(project)``.
VIEWS = {
    "accuracy": "Accuracy",
    "curve": "Curve",
    "probabilities": "Probabilities",
    "confounders": "Disease or site",
    "clinical": "Patients, grades, costs",
    "few_shot": "Few-shot",
    "backbones": "Backbones",
    "replay": "Replay",
    "splits": "Groups, test set",
    "people": "People",
}


def show(project: Project) -> None:
    """Draw the chooser where there is a choice, and the chosen view."""
    name = segments("View", VIEWS, key="view", bind="query-params", label_visibility="collapsed")
    import_module(f"{__name__}.{name}").show(project)
