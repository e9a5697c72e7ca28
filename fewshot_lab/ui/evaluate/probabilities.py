"""What the probabilities are worth: calibration, a threshold, prediction sets, unlike images."""

from functools import partial

import streamlit as st

from fewshot_lab.evaluation import Settings
from fewshot_lab.live import Snapshot, page_state_of
from fewshot_lab.project import (
    Gathered,
    Project,
    error_costs,
    gather,
    judge,
    referred_words,
    reliability_words,
    settings_of,
    threshold_words,
)
from fewshot_lab.ui import chart_parts, probability_charts
from fewshot_lab.ui.evaluate import prediction_sets, unlike_images
from fewshot_lab.ui.evaluate.parts import ask_for_labels, follow_classifier
from fewshot_lab.ui.evaluate.probability_parts import class_rows, keep, percent_slider, unbroken
from fewshot_lab.ui.fragments import fragment, muted

ERRORS = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30]
WORDS = {
    "Calibration": "turns scores into probabilities that come true as often as they say: of images "
    "given 0.8, four in five are right. A temperature does it by one number for all classes, a "
    "sigmoid by a curve, an isotonic map by steps.",
    "Log loss": "how far the probability of the right class is from 1; less is better.",
    "Out of fold": "on images that were left out while learning.",
    "Decided, referred": "an image whose probability reaches the threshold is decided; a person "
    "decides the others.",
    "Prediction set": "the classes that an image may belong to; it contains the right one as "
    "often as promised.",
    "Exchangeable": "drawn from the same source in the same way, so that what held for the audit "
    "images holds for these.",
}


def show(project: Project) -> None:
    """Draw the view; until the newest labels are in it, look again every second."""
    follow_classifier(project, partial(draw, project), key="probabilities")


def gathered_once(project: Project, snapshot: Snapshot, share: float) -> "Gathered":
    """Gather the evidence of a snapshot, once: every move of a slider only judges anew."""
    assert snapshot.fitted is not None and snapshot.cv is not None
    fitted, ids = snapshot.fitted, snapshot.cv.ids
    key = (id(fitted), snapshot.position, share, error_costs(project))
    state = page_state_of(project.name)
    return state.cached("gathered", key, lambda: gather(project, fitted, ids, share))


def draw(project: Project, snapshot: Snapshot) -> None:
    """Draw what a snapshot's probabilities are worth."""
    settings = settings_of(project)
    gathered = gathered_once(project, snapshot, settings.unlike_share)
    probabilities = judge(gathered, settings)
    if probabilities is None:
        why = "Nothing to judge the probabilities by yet: every class needs a second label."
        ask_for_labels(project, why, key="probabilities")
        return
    sentence, *rest = (*threshold_words(probabilities), referred_words(probabilities))
    st.html(fragment("probabilities", "lead", unbroken(sentence), unbroken(" ".join(rest))))
    decision_settings(project, settings)
    left, right = st.columns(2, gap="large")
    for column, chart, key in (
        (left, probability_charts.risk_coverage(probabilities), "fl-risk"),
        (right, probability_charts.reliability(probabilities), "fl-reliability"),
    ):
        with column:
            st.plotly_chart(chart, config=chart_parts.CONFIG, key=key)
    reliability = probabilities.reliability
    how = (
        f"{reliability_words(probabilities)} {gathered.calibration.sentence} Both charts: "
        f"{probabilities.evidence.words}. The error of the probabilities is over bins of "
        f"equal numbers of images ({len(reliability.bins)} bins), less what chance alone would "
        f"make of it (not corrected: {100 * reliability.plain:.1f} %)."
    )
    muted(unbroken(how), small=True)
    with st.popover("What these words mean", type="tertiary"):
        st.html(fragment("probabilities", "glossary", WORDS.items()))
    if probabilities.by_class:
        rows = class_rows(project, gathered, probabilities.by_class)
        st.html(fragment("probabilities", "thresholds", rows))
    st.divider()
    prediction_sets.show(project, settings, probabilities, gathered)
    st.divider()
    unlike_images.show(project, settings, probabilities, gathered)
    muted(
        "These settings are kept in the project and go into the bundle, its predict.py and its "
        "card.",
        small=True,
    )


def decision_settings(project: Project, settings: "Settings") -> None:
    """Draw what error is wanted among the decided, and keep what is chosen."""
    left, right = st.columns(2, gap="large")
    with left:
        error = percent_slider(
            "Error wanted among the decided", ERRORS, settings.target_error, key="fl-target-error"
        )
    with right, st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        per_class = st.toggle(
            "For each predicted class",
            value=settings.per_class,
            key="fl-per-class",
            help="A threshold for each class, so that the error is kept in each.",
        )
        assure = st.toggle(
            "Assured where it can be",
            value=settings.assure,
            key="fl-assure",
            help="With 95 % confidence the true error is at most the one wanted. This needs "
            "enough labelled audit images; otherwise the error is only estimated.",
        )
    keep(project, settings, target_error=error, per_class=per_class, assure=assure)
