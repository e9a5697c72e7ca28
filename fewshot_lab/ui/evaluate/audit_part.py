"""The audit set on the accuracy view: what it says, how sure, and how to have more of it."""

from typing import TYPE_CHECKING

import streamlit as st

from fewshot_lab.evaluation import FEW_TO_PLAN
from fewshot_lab.project import Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.words import count, escape, interval, plural

if TYPE_CHECKING:
    from fewshot_lab.evaluation import AuditReport, LeakCheck, ReferenceTest, TestFigures
    from fewshot_lab.stats import Interval
    from fewshot_lab.store import ClassRow

WIDE = 10
EVENLY = "By chance alone"
PREDICTED = "By predicted class"
EACH = {None: "as few as leave enough to train on", 1: "one image", 2: "two", 5: "five"}


def big(title: str, value: "Interval") -> str:
    """Return a figure with its interval, as HTML."""
    if not value.n:
        return f"<div><dt>{escape(title)}</dt><dd class='fl-muted'>not yet</dd></div>"
    return (
        f"<div><dt>{escape(title)}</dt><dd><b>{value.value:.2f}</b>"
        f"<span>{value.low:.2f}–{value.high:.2f}</span></dd></div>"
    )


def headline(found: "TestFigures", noun: str) -> str:
    """Return balanced accuracy and accuracy with intervals and n, as HTML."""
    grouped = found.groups < found.n
    of = f" of {plural(found.groups, noun)}" if grouped else ""
    said = f"{plural(found.n, 'image')}{of}"
    known = len(found.class_ids)
    met = known - len(found.missing)
    balanced = "Balanced accuracy" + (f", {met} of {known} classes" if found.missing else "")
    return (
        f"<dl class='fl-bigs'>{big(balanced, found.balanced_accuracy)}"
        f"{big('Accuracy', found.accuracy)}"
        f"<div><dt>95 % intervals from</dt><dd class='small'>{said}</dd></div></dl>"
    )


def standing(report: "AuditReport", noun: str) -> str:
    """Say what was drawn and how it stands, as HTML."""
    c = report.counts
    parts = [
        f"{count(c.drawn)} of {plural(c.pool, 'image')} drawn",
        f"{count(c.labelled)} labelled",
    ]
    if c.unsure or c.rejected:
        parts.append(f"{count(c.unsure)} unsure, {count(c.rejected)} unusable (in no figure)")
    if c.waiting:
        parts.append(f"{count(c.waiting)} still without a label")
    held = ""
    if c.held_out:
        held = (
            f" {plural(c.held_out, 'further image')} of the same {noun}s, or nearly the same, "
            "do not train either."
        )
    figures = report.figures
    weighed = " Images are weighted by how they were drawn." if figures and figures.weighted else ""
    return f"{', '.join(parts)}.{held}{weighed}"


def halving(report: "AuditReport", classes: dict[int, "ClassRow"], noun: str) -> str:
    """Say how many more labels halve the interval, or why there is none, as HTML."""
    found = report.figures
    if found is None or not found.n:
        return ""
    if found.lacking:
        return escape(found.why_not({c: row.name for c, row in classes.items()}, noun))
    if found.n < FEW_TO_PLAN:
        return "Too few to say yet how many would make the intervals narrow."
    if found.more is None:
        return "Even all images of the pool would not halve the interval of the balanced accuracy."
    of = f" of further {noun}s" if found.groups < found.n else ""
    return (
        f"<b>{plural(found.more, 'more audit label')}</b>{of} would halve the interval of the "
        "balanced accuracy."
    )


def leak_line(check: "LeakCheck") -> str:
    """Return the result of a leak check, with the groups it names, as HTML."""
    kind = "fl-note" if check.sound else "fl-alert"
    named = f"<div class='fl-small fl-muted'>{escape(check.named())}</div>" if check.leaks else ""
    return f"<div class='{kind}'>Leak check: {escape(check.sentence)}{named}</div>"


def by_class(found: "TestFigures", classes: dict[int, "ClassRow"], of: str = "the pool") -> str:
    """Return recall, precision and prevalence of each class with intervals, as HTML.

    ``of`` is what the images stand for.
    """
    rows = []
    for class_id in found.class_ids:
        row = classes.get(class_id)
        name, colour = (row.name, row.color) if row else (f"class {class_id}", "var(--fl-muted)")
        recall = found.recall[class_id]
        bar = "<div class='fl-range'></div>"
        if recall.n:
            low, high, at = (100 * v for v in (recall.low, recall.high, recall.value))
            wide = max(high - low, 0.5)
            bar = (
                f"<div class='fl-range'><i style='left:{low:.1f}%;width:{wide:.1f}%;"
                f"background:{escape(colour)}'></i>"
                f"<b style='left:{at:.1f}%;background:{escape(colour)}'></b></div>"
            )
        rows.append(
            f"<tr><td><i class='fl-dot' style='background:{escape(colour)}'></i>{escape(name)}</td>"
            f"<td style='width:22%'>{bar}</td>{_cell(recall)}{_cell(found.precision[class_id])}"
            f"{_cell(found.prevalence[class_id], counted=False)}</tr>"
        )
    dense = " dense" if len(rows) > WIDE else ""
    return (
        f"<div class='fl-wide'><table class='fl-table{dense}'><thead><tr><th>Class</th>"
        "<th class='n' colspan='2' title='Of the images of this class, the share predicted as it'>"
        "Recall, n</th>"
        "<th class='n' title='Of the images predicted as this class, the share that is it'>"
        f"Precision, n</th><th class='n' title='Share of {of} that is of this class'>"
        f"Share of {of}</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(value: "Interval", *, counted: bool = True) -> str:
    if not value.n:
        return "<td class='n fl-muted'>none yet</td>"
    n = f" <span class='fl-muted'>n {count(value.n)}</span>" if counted else ""
    return f"<td class='n'>{interval(value.value, value.low, value.high)}{n}</td>"


def absent(found: "TestFigures", classes: dict[int, "ClassRow"]) -> str:
    """Say which classes the figures do not speak of, as HTML; "" where there are none."""
    if not found.missing:
        return ""
    names = ", ".join(escape(classes[c].name) for c in found.missing if c in classes)
    return f"<div class='fl-small fl-muted'>No image of these has come yet: {names}.</div>"


def show(
    project: Project, report: "AuditReport | None", classes: dict[int, "ClassRow"], noun: str
) -> None:
    """Draw the part of the audit set."""
    st.header("On images drawn at random")
    st.html(
        "<div class='fl-muted'>What to expect of the images of this pool. Audit images are drawn "
        "by chance alone, never train the classifier, and never choose it.</div>"
    )
    if report is not None and report.figures is not None:
        found = report.figures
        st.html(headline(found, noun))
        st.html(f"<div>{halving(report, classes, noun)}</div>")
    elif report is not None and report.counts.drawn:
        st.html("<div>No estimate yet: none of the drawn images has a class.</div>")
    else:
        st.html(
            "<div>No estimate yet: it needs labels on images drawn at random. Draw some here; as "
            "long as few images are labelled, suggestions bring them, too, marked with A.</div>"
        )
    if report is not None:
        if report.figures is not None:
            st.html(leak_line(report.leaks))
        st.html(f"<div class='fl-small fl-muted'>{standing(report, noun)}</div>")
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        if report is not None and report.counts.waiting:
            pages.link(
                "label",
                f"Label the audit set now ({count(report.counts.waiting)})",
                project.name,
                open="audit",
            )
        with st.popover("Draw more", type="tertiary"):
            draw_more(project, report, noun)
    if report is not None and report.figures is not None:
        st.html(by_class(report.figures, classes) + absent(report.figures, classes))


def draw_more(project: Project, report: "AuditReport | None", noun: str) -> None:
    """Draw the form that puts further images into the audit set."""
    found = report.figures if report is not None else None
    lacking = max(found.lacking.values(), default=0) if found is not None else 0
    st.html(
        "<div class='fl-small fl-muted' style='max-width:320px'>They stop training for ever, with "
        "all that stays together with them, also where they are labelled already. By predicted "
        "class or by a column, rare ones come more often; the figures are weighted for it.</div>"
    )
    n = st.number_input("Images", 1, 5000, lacking or 50, step=10, key=f"fl-draw-n-{lacking}")
    each = None
    if report is not None and report.counts.held_out:
        each = st.selectbox(
            f"Of each {noun}",
            list(EACH),
            index=1 if lacking else 0,
            format_func=EACH.__getitem__,
            key=f"fl-draw-each-{lacking}",
            help=f"All of a {noun} stops training; images of one tell less than those of several.",
        )
    ways = [EVENLY, PREDICTED, *project.store.columns()]
    how = st.selectbox("How", ways, key="fl-draw-how")
    if st.button("Draw", key="fl-draw", type="primary"):
        with sentences():
            by = None if how == EVENLY else "predicted" if how == PREDICTED else how
            drawn = project.audit.draw(int(n), stratify=by, per_group=each)
            st.session_state["fl-drawn"] = drawn
            st.rerun()


def show_test(test: "ReferenceTest", classes: dict[int, "ClassRow"], noun: str) -> None:
    """Draw the part of the reference test set."""
    st.header("On the reference test set")
    given = (
        f"The classes of {count(test.labelled)} were given by people here, of "
        f"{count(test.referenced)} they came with the images."
        if test.labelled
        else f"The classes of {count(test.referenced)} came with the images."
    )
    st.html(
        f"<div class='fl-muted'>{plural(test.images, 'image')} that came with the data to be "
        f"tested on ({escape(test.by)}): they never train, nor are they suggested. {given}</div>"
    )
    if test.figures is None:
        st.html("<div>No figure yet: no class of these images is known.</div>")
        return
    st.html(headline(test.figures, noun) + leak_line(test.leaks))
    st.html(by_class(test.figures, classes, "the test set") + absent(test.figures, classes))
