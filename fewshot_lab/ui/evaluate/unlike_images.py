"""Which images are unlike anything labelled, and how many of them are flagged."""

from urllib.parse import quote

import numpy as np
import streamlit as st

from fewshot_lab.evaluation import Probabilities, Settings
from fewshot_lab.project import Gathered, Project, unlike_words
from fewshot_lab.ui import pages
from fewshot_lab.ui.evaluate.probability_parts import keep, percent_slider, unbroken
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.web import api_url

SHARES = [0, 0.5, 1, 2, 4, 10]
SHOWN = 6


def show(
    project: Project, settings: "Settings", probabilities: "Probabilities", gathered: "Gathered"
) -> None:
    """Draw which images are unlike anything labelled."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header("Unlike anything labelled")
        share = percent_slider(
            "Share of the pool's own images that is flagged",
            SHARES,
            settings.unlike_share,
            key="fl-unlike",
            none="off",
        )
        keep(project, settings, unlike_share=share)
        muted(unbroken(f"{unlike_words(probabilities)} They are referred."))
    with right:
        base, name = pages.rooted(api_url(project.name)), quote(project.name)
        for images, caption in most_unlike(gathered):
            st.html(fragment("probabilities", "unlike", images, caption, base, name))


def most_unlike(gathered: "Gathered") -> list[tuple[list[tuple[str, str]], str]]:
    """Return rows of the pool's most unlike images, each with a caption; flagged ones say so."""
    rows = []
    if gathered.kind_score is not None and len(gathered.ids):
        flagged = gathered.kind_score > gathered.kind.cutoff
        rows.append(
            (
                _images(gathered.ids, -gathered.kind_score, flagged),
                "Most like another kind of picture: by light, colour, sharpness and texture.",
            )
        )
    if gathered.similarity is not None:
        flagged = gathered.similarity < gathered.reference.cutoff
        rows.append(
            (
                _images(gathered.ids, gathered.similarity, flagged),
                "Farthest from any labelled image: perhaps of a class not named yet.",
            )
        )
    return rows


def _images(ids: list[str], likeness: np.ndarray, flagged: np.ndarray) -> list[tuple[str, str]]:
    """Return the images least like the labelled ones, with a word under those flagged."""
    order = np.argsort(likeness)[:SHOWN]
    return [(ids[i], "flagged" if flagged[i] else "") for i in order]
