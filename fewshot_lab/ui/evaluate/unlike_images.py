"""Which images are unlike anything labelled, and how many of them are flagged."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import streamlit as st

from fewshot_lab.project import Project, unlike_words
from fewshot_lab.ui.evaluate.probability_parts import keep, percent_slider, unbroken
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.web import api_url

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Probabilities, Settings
    from fewshot_lab.project import Gathered

SHARES = [0, 0.5, 1, 2, 5, 10]
SHOWN = 12


def show(
    project: Project, settings: "Settings", probabilities: "Probabilities", gathered: "Gathered"
) -> None:
    """Draw which images are unlike anything labelled."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header("Unlike anything labelled")
        share = percent_slider(
            "Share of the unlabelled pool that is flagged",
            SHARES,
            settings.unlike_share,
            key="fl-unlike",
            none="off",
        )
        keep(project, settings, unlike_share=share)
        muted(unbroken(f"{unlike_words(probabilities)} They are referred."))
    with right:
        if images := most_unlike(gathered):
            base, name = api_url(project.name), quote(project.name)
            st.html(fragment("probabilities", "unlike", images, base, name))


def most_unlike(gathered: "Gathered") -> list[tuple[str, float]]:
    """Return the pool's images that are most unlike the labelled ones."""
    if gathered.similarity is None:
        return []
    order = np.argsort(gathered.similarity)[:SHOWN]
    return [(gathered.ids[i], float(gathered.similarity[i])) for i in order]
