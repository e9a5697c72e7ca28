"""One answer for each patient, slide or video: by which rule, and how good it is."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Snapshot
from fewshot_lab.project import Project, own_class, patient_figures, set_own_class
from fewshot_lab.ui.choices import select
from fewshot_lab.ui.evaluate.parts import matrix_cell, refit
from fewshot_lab.ui.evaluate.probability_parts import unbroken
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.project import PatientFigures

OWN = {
    "majority": "that of most of its labelled images",
    "worst": "the worst among its labelled images",
}


def show(project: Project, snapshot: Snapshot) -> None:
    """Draw how good the answers are, or why there are none."""
    noun = project.splits.rule.noun
    st.header(f"One answer for each {noun}")
    assert snapshot.fitted is not None and snapshot.cv is not None
    try:
        patients = patient_figures(project, snapshot.fitted, snapshot.cv.ids)
    except FewshotLabError as why:
        muted(str(why))
        return
    plainly(unbroken(patients.sentence))
    figures = patients.comparison.figures
    st.html(fragment("clinical", "patients", figures, noun))
    for sentence in filter(None, (patients.on_audit, patients.caution)):
        plainly(unbroken(sentence))
    left, right = st.columns(2, gap="large")
    with left:
        st.html("<h3>Recall</h3>" + recall_table(patients, noun))
        choose_own_class(project, noun)
        muted(patients.truth, small=True)
    with right:
        st.html("<h3>Confusion</h3>" + confusion(patients, noun))


def recall_table(patients: "PatientFigures", noun: str) -> str:
    """Return recall by the patients' own class as HTML."""
    recall = patients.comparison.figures.recall
    rows = [(patients.names[k], patients.colours[k], recall[k]) for k in recall]
    return fragment("clinical", "recall_table", rows, noun)


def confusion(patients: "PatientFigures", noun: str) -> str:
    """Return own class by answer, in patients, as HTML."""
    counts = patients.comparison.figures.confusion

    def cell(i: int, j: int) -> dict[str, Any]:
        n = int(counts[i, j])
        title = f"{plural(n, noun)}: {patients.names[i]} answered {patients.names[j]}"
        return matrix_cell(n, n / max(int(counts[i].sum()), 1), right=i == j, title=title)

    places = range(len(patients.names))
    rows = [[cell(i, j) for j in places] for i in places]
    return fragment("clinical", "confusion", patients.names, rows, noun)


def choose_own_class(project: Project, noun: str) -> None:
    """Draw what makes a patient's own class, and keep what is chosen."""
    now = own_class(project)
    chosen = select(
        f"The own class of a {noun} is",
        OWN,
        now,
        help=f"What the answer is compared with if the images of a {noun} have labels of several "
        "classes. For grades it is the worst, unless you choose otherwise.",
        key=f"fl-own-class-{now}",  # else what was shown before would be taken for a choice
    )
    if chosen != now:
        set_own_class(project, chosen)
        refit(project)
