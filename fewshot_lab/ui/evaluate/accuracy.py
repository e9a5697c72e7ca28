"""The figures of a classifier, drawn from the live session's snapshot."""

from functools import partial
from typing import Any
from urllib.parse import quote

import streamlit as st

from fewshot_lab.evaluation import CrossValidation
from fewshot_lab.live import Snapshot
from fewshot_lab.project import Project
from fewshot_lab.store import ClassRow
from fewshot_lab.ui import pages
from fewshot_lab.ui.evaluate import audit_part, other_sites
from fewshot_lab.ui.evaluate.parts import follow_classifier, matrix_cell
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.words import percent, plural

EXPLAINED = {
    "stack": "LDA + LogReg, the average of both, each in two views of the images' features: with "
    "few labels nothing can tell which is better",
    "lda": "LDA, linear discriminant analysis: the class whose centre is nearest, measured in the "
    "spread within classes",
    "logreg": "LogReg, logistic regression: each feature counts for or against each class",
    "rbf-svm": "RBF-SVM, support vector machine: goes by the labelled images next to the borders "
    "between classes",
}
WIDE = 10  # more classes than this: the matrix gets the whole width


def show(project: Project) -> None:
    """Draw the figures; until the newest labels are in them, look again every second."""
    lack = "There are not enough labels to say how good the classifier is."
    follow_classifier(project, partial(draw, project), key="empty", lack=lack)


def draw(project: Project, snapshot: Snapshot) -> None:
    """Draw a snapshot: the audit first, then what came with the data, then cross-validation."""
    cv = snapshot.cv
    assert cv is not None
    classes = {row.id: row for row in project.store.classes(include_retired=True)}
    noun = project.splits.rule.noun
    if (drawn := st.session_state.pop("fl-drawn", None)) is not None:
        st.toast(f"{plural(drawn, 'image')} drawn.")
    if cv.costs is not None:
        muted(
            "Errors differ in cost (Patients, grades, costs): each image gets the class whose "
            "errors are expected to cost least, and all figures are of these decisions."
        )
    audit_part.show(project, snapshot.audit_report, classes, noun)
    if snapshot.test is not None:
        st.divider()
        audit_part.show_test(snapshot.test, classes, noun)
    st.divider()
    other_sites.show(project)
    st.divider()
    st.header("By cross-validation on the training labels")
    if snapshot.disagreement is not None:
        st.warning(snapshot.disagreement.sentence)
    st.html(headline(snapshot, {c: row.name for c, row in classes.items()}, noun))
    if snapshot.suspects:
        pages.link("label", "Look at the suspects", project.name, open="suspects")
    wide = len(cv.class_ids) > WIDE
    left, right = (st.container(), st.container()) if wide else st.columns(2, gap="large")
    left.html("<h3>Recall per class</h3>" + recall_table(cv, classes))
    right.html("<h3>Confusion</h3>" + confusion(cv, classes, project.name))


def headline(snapshot: Snapshot, names: dict[int, str], noun: str) -> str:
    """Return the cross-validated figures, and what they are, as HTML."""
    assert snapshot.cv is not None
    explained = EXPLAINED.get(snapshot.name, "")
    figures = fragment(
        "accuracy",
        "headline",
        snapshot.cv.balanced_accuracy,
        snapshot.cv.why_not(names, noun),
        len(snapshot.suspects),
        snapshot.sentence,
        explained,
    )
    return figures + audit_part.leak_line(snapshot.cv.leaks)


def recall_table(cv: "CrossValidation", classes: dict[int, "ClassRow"]) -> str:
    """Return recall per class with its interval as a range on a line from 0 to 1, as HTML."""
    rows = [
        (*audit_part.named(class_id, classes), cv.recall[class_id]) for class_id in cv.class_ids
    ]
    return fragment("accuracy", "recall_table", rows, dense=len(rows) > WIDE)


def confusion(cv: "CrossValidation", classes: dict[int, "ClassRow"], project: str) -> str:
    """Return the confusion matrix as HTML: rows are labels, columns predictions.

    A cell with images in it leads to them on the label page.
    """
    names = [audit_part.named(class_id, classes)[0] for class_id in cv.class_ids]
    totals = cv.confusion.sum(axis=1)

    def cell(i: int, j: int) -> dict[str, Any]:
        n, share = int(cv.confusion[i, j]), cv.confusion[i, j] / max(totals[i], 1)
        target = f"cell-{cv.class_ids[i]}-{cv.class_ids[j]}"
        title = f"{names[i]} predicted as {names[j]}: {percent(share)} of {totals[i]}"
        href = f"label?project={quote(project)}&open={target}"
        return matrix_cell(n, share, right=i == j, title=title, href=href)

    places = range(len(names))
    rows = [[cell(i, j) for j in places] for i in places]
    return fragment("accuracy", "confusion", names, rows, cv.repeats)
