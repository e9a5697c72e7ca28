"""Prediction sets: how often they hold the true class, and their settings."""

import streamlit as st

from fewshot_lab.evaluation import Probabilities, Settings
from fewshot_lab.project import Gathered, Project, sets_words
from fewshot_lab.ui.evaluate.probability_parts import class_rows, keep, percent_slider, unbroken
from fewshot_lab.ui.fragments import fragment, muted

COVERAGES = [80, 85, 90, 95, 98, 99]


def show(
    project: Project, settings: "Settings", probabilities: "Probabilities", gathered: "Gathered"
) -> None:
    """Draw the prediction sets and their settings."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header("Prediction sets")
        promised = percent_slider(
            "Holds the true class", COVERAGES, settings.set_coverage, key="fl-set-coverage"
        )
        with st.container(horizontal=True, gap="large"):
            aps = st.toggle(
                "Adaptive",
                value=settings.set_method == "aps",
                key="fl-aps",
                help="Adaptive sets (APS) grow on hard images and cover easy and hard ones more "
                "evenly. Otherwise sets are smallest on average (LAC).",
            )
            each = st.toggle(
                "For each class",
                value=settings.set_per_class,
                key="fl-set-per-class",
                help="The promise holds for each class separately. Rare classes make sets large.",
            )
        keep(
            project,
            settings,
            set_coverage=promised,
            set_method="aps" if aps else "lac",
            set_per_class=each,
        )
        for sentence in sets_words(probabilities):
            muted(unbroken(sentence))
    with right:
        rows = class_rows(project, gathered, probabilities.sets.by_class)
        st.html(fragment("probabilities", "sets", rows, settings.set_coverage))
