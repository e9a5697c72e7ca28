"""The figures of a classifier, drawn from the live session's snapshot."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import streamlit as st

from fewshot_lab.live import Snapshot
from fewshot_lab.project import Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.evaluate import audit_part
from fewshot_lab.ui.evaluate.parts import column_head, follow_labels, learning, row_head
from fewshot_lab.ui.words import count, escape, interval, percent, plural

if TYPE_CHECKING:
    from fewshot_lab.evaluation import CrossValidation
    from fewshot_lab.stats import Interval
    from fewshot_lab.store import ClassRow

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
    follow_labels(project, lambda snapshot, stale: draw(project, snapshot, stale=stale))


def draw(project: Project, snapshot: Snapshot, *, stale: bool) -> None:
    """Draw a snapshot: the audit first, then what came with the data, then cross-validation."""
    cv = snapshot.cv
    if cv is None:
        if stale:
            learning()
            return
        why = snapshot.message or "There are not enough labels to say how good the classifier is."
        if empty(why, "Label images"):
            pages.go("label", project.name)
        return
    classes = {row.id: row for row in project.store.classes(include_retired=True)}
    noun = project.splits.rule.noun
    if (drawn := st.session_state.pop("fl-drawn", None)) is not None:
        st.toast(f"{plural(drawn, 'image')} drawn.")
    audit_part.show(project, snapshot.audit_report, classes, noun)
    if snapshot.test is not None:
        st.divider()
        audit_part.show_test(snapshot.test, classes, noun)
    st.divider()
    st.header("By cross-validation on the training labels")
    st.html(headline(snapshot))
    if snapshot.suspects:
        pages.link("label", "Look at the suspects", project.name, open="suspects")
    if len(cv.class_ids) > WIDE:
        st.html("<h3>Recall per class</h3>" + recall_table(cv, classes))
        st.html("<h3>Confusion</h3>" + confusion(cv, classes, project.name))
    else:
        left, right = st.columns([1, 1], gap="large")
        with left:
            st.html("<h3>Recall per class</h3>" + recall_table(cv, classes))
        with right:
            st.html("<h3>Confusion</h3>" + confusion(cv, classes, project.name))


def figure(title: str, value: "Interval", how: str) -> str:
    """Return one figure with its interval and its n, as HTML."""
    if not value.n:
        return (
            f"<dt>{escape(title)}</dt><dd class='fl-muted'>cannot be told yet: it needs two labels "
            "of a class, in two groups where images have groups.</dd>"
        )
    return (
        f"<dt>{escape(title)}</dt><dd class='fl-figure'><b>{value.value:.2f}</b>"
        f"<span>{value.low:.2f}–{value.high:.2f}, n = {count(value.n)}, {escape(how)}</span></dd>"
    )


def headline(snapshot: Snapshot) -> str:
    """Return the cross-validated figures, and what they are, as HTML."""
    assert snapshot.cv is not None
    rows = figure("Balanced accuracy", snapshot.cv.balanced_accuracy, "95 % interval")
    n = len(snapshot.suspects)
    doubted = (
        f"{plural(n, 'label')} that the classifier would have given otherwise; "
        "the likeliest errors come first"
        if n
        else "none"
    )
    rows += f"<dt>Suspects</dt><dd>{doubted}</dd>"
    if snapshot.sentence:
        what = EXPLAINED.get(snapshot.name, "")
        rows += (
            f"<dt>Classifier</dt><dd>{escape(snapshot.sentence)}"
            f"<div class='fl-small fl-muted'>{escape(what)}</div></dd>"
        )
    said = (
        "These are the labelled images, each predicted by a classifier that did not see it. Most "
        "were suggested because they are hard, so the figures are not those of the pool; they "
        "show where the classifier errs."
    )
    return (
        f'<div class="fl-muted">{said}</div>'
        f'<dl class="fl-facts" style="align-items:baseline;margin:12px 0 !important">{rows}</dl>'
        + audit_part.leak_line(snapshot.cv.leaks)
    )


def named(class_id: int, classes: dict[int, "ClassRow"]) -> tuple[str, str]:
    """Return a class's name and colour."""
    row = classes.get(class_id)
    return (
        (row.name, escape(row.color))
        if row is not None
        else (f"class {class_id}", "var(--fl-muted)")
    )


def recall_table(cv: "CrossValidation", classes: dict[int, "ClassRow"]) -> str:
    """Return recall per class with its interval as a range on a line from 0 to 1, as HTML."""
    rows = []
    for class_id in cv.class_ids:
        name, colour = named(class_id, classes)
        recall = cv.recall[class_id]
        dot = f"<i class='fl-dot' style='background:{colour}'></i>{escape(name)}"
        if not recall.n:
            rows.append(
                f"<tr><td>{dot}</td><td class='fl-muted' colspan='2'>too few labels to hold one "
                "out</td><td class='n'>0</td></tr>"
            )
            continue
        low, high, at = (100 * v for v in (recall.low, recall.high, recall.value))
        rows.append(
            f"<tr><td>{dot}</td>"
            f"<td style='width:34%'><div class='fl-range'>"
            f"<i style='left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%;background:{colour}'></i>"
            f"<b style='left:{at:.1f}%;background:{colour}'></b></div></td>"
            f"<td class='n'>{interval(recall.value, recall.low, recall.high)}</td>"
            f"<td class='n'>{count(recall.n)}</td></tr>"
        )
    dense = " dense" if len(rows) > WIDE else ""
    return (
        f"<table class='fl-table{dense}'><thead><tr><th>Class</th>"
        "<th class='n' colspan='2'>Recall (95 % interval)</th><th class='n'>n</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def confusion(cv: "CrossValidation", classes: dict[int, "ClassRow"], project: str) -> str:
    """Return the confusion matrix as HTML: rows are labels, columns predictions.

    A cell with images in it leads to them on the label page.
    """
    matrix, totals = cv.confusion, cv.confusion.sum(axis=1)
    names = [named(class_id, classes)[0] for class_id in cv.class_ids]
    head = "".join(column_head(name) for name in names)
    body = []
    for i, name in enumerate(names):
        cells = []
        for j, other in enumerate(names):
            value, share = int(matrix[i, j]), matrix[i, j] / max(totals[i], 1)
            text, kind = "·", "none"
            told = f"{name} predicted as {other}: {percent(share)} of {totals[i]}"
            if value:
                kind = "" if i == j else "wrong"
                cell = f"cell-{cv.class_ids[i]}-{cv.class_ids[j]}"
                href = f"label?project={quote(project)}&amp;open={cell}"
                text = f"<a href='{href}' target='_self'>{count(value)}</a>"
            cells.append(
                f"<td class='{kind}' style='--p:{share:.3f}' title='{escape(told)}'>{text}</td>"
            )
        body.append(f"<tr>{row_head(name)}{''.join(cells)}</tr>")
    over = f", by its mean over {cv.repeats} repeats" if cv.repeats > 1 else ""
    return (
        "<div class='fl-wide'><table class='fl-confusion'><thead><tr><td></td>"
        f"{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        "<div class='fl-small fl-muted'>Rows: label. Columns: prediction. A cell counts labelled "
        f"images, each once, as it was predicted when left out{over}. A click on a number shows "
        "them.</div>"
    )
