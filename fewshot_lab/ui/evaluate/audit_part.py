"""The audit set on the accuracy view: what it says, how sure, and how to have more of it."""

import streamlit as st

from fewshot_lab.evaluation import AuditReport, LeakCheck, ReferenceTest, TestFigures
from fewshot_lab.project import Project
from fewshot_lab.store import ClassRow
from fewshot_lab.ui import pages
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.words import count, plural

WIDE = 10
TOO_FEW = "There are too few images to say how often the classifier is right."
EVENLY = "By chance alone"
PREDICTED = "By predicted class"
EACH = {None: "as few as leave enough to train on", 1: "one image", 2: "two", 5: "five"}


def headline(figures: "TestFigures", noun: str) -> str:
    """Return balanced accuracy and accuracy with intervals and n, as HTML."""
    return fragment("audit", "headline", figures, noun)


def standing(report: "AuditReport", noun: str) -> str:
    """Say what was drawn and how it stands."""
    c = report.counts
    parts = [
        f"{count(c.drawn)} of {plural(c.pool, 'image')} drawn",
        f"{count(c.labelled)} labelled",
    ]
    if c.unsure or c.rejected:
        parts.append(f"{count(c.unsure)} unsure, {count(c.rejected)} unusable (in no figure)")
    parts.append(
        f"{count(c.waiting)} still without a label"
        if c.waiting
        else "which is enough: more are drawn only when you ask"
    )
    held = ""
    if c.held_out:
        held = (
            f" {plural(c.held_out, 'further image')} of the same {noun}s, or nearly the same, "
            "do not train either."
        )
    figures = report.figures
    weighed = " Images are weighted by how they were drawn." if figures and figures.weighted else ""
    return f"{', '.join(parts)}.{held}{weighed}"


def outlook(figures: "TestFigures", classes: dict[int, "ClassRow"], noun: str) -> str:
    """Say what more labels bring: a figure that means something, later a narrower interval."""
    if figures.lacking or figures.until_narrow == 0:
        return figures.outlook({c: row.name for c, row in classes.items()}, noun)
    if figures.until_narrow is None:
        return TOO_FEW
    return (
        "Too few to say how often the classifier is right: "
        f"{plural(figures.until_narrow, 'more label')} would do."
    )


def leak_line(check: "LeakCheck") -> str:
    """Return the result of a leak check, with the groups it names, as HTML."""
    return fragment("audit", "leak_line", check)


def by_class(figures: "TestFigures", classes: dict[int, "ClassRow"], of: str = "the pool") -> str:
    """Return recall, precision and prevalence of each class with intervals, as HTML.

    ``of`` is what the images stand for.
    """
    rows = [
        (*named(c, classes), figures.recall[c], figures.precision[c], figures.prevalence[c])
        for c in figures.class_ids
    ]
    return fragment("audit", "by_class", rows, of, dense=len(rows) > WIDE)


def named(class_id: int, classes: dict[int, "ClassRow"]) -> tuple[str, str]:
    """Return a class's name and colour."""
    row = classes.get(class_id)
    return (row.name, row.color) if row else (f"class {class_id}", "var(--fl-muted)")


def absent(figures: "TestFigures", classes: dict[int, "ClassRow"]) -> None:
    """Say which classes the figures do not speak of; nothing where there are none."""
    if figures.missing:
        names = ", ".join(classes[c].name for c in figures.missing if c in classes)
        muted(f"No image of these classes has been drawn yet: {names}.", small=True)


def show(
    project: Project, report: "AuditReport | None", classes: dict[int, "ClassRow"], noun: str
) -> None:
    """Draw the part of the audit set."""
    st.header("On images drawn at random")
    muted(
        "How accurate the classifier is on all images of this pool. Audit images are drawn by "
        "chance alone; they neither train nor choose the classifier."
    )
    if report is not None and report.figures is not None:
        figures = report.figures
        st.html(headline(figures, noun))
        plainly(outlook(figures, classes, noun))
    elif report is not None and report.counts.drawn:
        plainly("No estimate yet: none of the drawn images has a class.")
    else:
        plainly(
            "No estimate yet: it needs labels on images drawn at random. Draw some here. While "
            "few images are labelled, they also come among the suggestions, marked with A."
        )
    if report is not None:
        if report.figures is not None:
            st.html(leak_line(report.leaks))
        muted(standing(report, noun), small=True)
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
        st.html(by_class(report.figures, classes))
        absent(report.figures, classes)


def draw_more(project: Project, report: "AuditReport | None", noun: str) -> None:
    """Draw the form that puts further images into the audit set."""
    figures = report.figures if report is not None else None
    lacking = max(figures.lacking.values(), default=0) if figures is not None else 0
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
            help=f"All images of a {noun} stop training. Images of several {noun}s tell more than "
            "as many of one.",
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
    origin = (
        f"The classes of {count(test.labelled)} were given by people here, of "
        f"{count(test.referenced)} they came with the images."
        if test.labelled
        else f"The classes of {count(test.referenced)} came with the images."
    )
    muted(
        f"{plural(test.images, 'image')} set apart for testing when the data were made "
        f"({test.by}): they never train and are never suggested. {origin}"
    )
    if test.figures is None:
        plainly("No figure yet: no class of these images is known.")
        return
    st.html(headline(test.figures, noun))
    if test.figures.until_narrow != 0:
        plainly(TOO_FEW)
    st.html(leak_line(test.leaks))
    st.html(by_class(test.figures, classes, "the test set"))
    absent(test.figures, classes)
