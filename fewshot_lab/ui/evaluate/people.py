"""Who labelled what, how far people agree, and what is to be decided."""

from html import escape
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from fewshot_lab.project import FEWEST, PeopleReport, Project
from fewshot_lab.ui import pages, team_form
from fewshot_lab.ui.evaluate.parts import ask_for_labels, matrix_cell
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.session import annotator
from fewshot_lab.words import count, plural

ALL = "All pairs"
SHOWN_PAIRS = 15
BESIDE = 9
"""Classes whose matrix fits beside the tables; that of more has the page's width."""


def show(project: Project) -> None:
    """Draw the view."""
    with sentences():
        report = project.team.report()
        if not report.people:
            ask_for_labels(project, "Nobody has labelled anything yet.", key="people")
        else:
            draw(project, report)
        st.divider()
        team_form.show(project)


def draw(project: Project, report: "PeopleReport") -> None:
    """Draw the figures of a report."""
    st.html(headline(report, project.splits.rule.noun))
    to_decide(project, report)
    st.divider()
    wide = len(report.categories) > BESIDE
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.header("Annotators")
        st.html(people_table(report))
    if len(report.pairs) > 1:
        with right if wide else left:
            st.header("Pairs")
            st.html(pairs_table(report))
    with st.container() if wide else right:
        st.header("Who says what")
        a, b = pair_chooser(report)
        st.html(matrix(project, report, a, b))
    st.divider()
    st.header("What seeing the prediction does")
    st.html(effect(report))


def headline(report: "PeopleReport", noun: str = "group") -> str:
    """Return agreement and rule as HTML."""
    return fragment("people", "headline", report, noun)


def to_decide(project: Project, report: "PeopleReport") -> None:
    """Say how many images wait for a decision, and lead whoever may decide to them."""
    pending = [each for each in report.conflicts if not each.decided]
    if not report.conflicts:
        return
    standing = f"{plural(len(report.conflicts), 'image')} labelled differently"
    if len(pending) < len(report.conflicts):
        standing += f", {count(len(report.conflicts) - len(pending))} decided"
    unsettled = sum(each.label is None for each in pending)
    if unsettled:
        standing += f"; {count(unsettled)} without a training label until somebody decides"
    seniors = report.team.seniors
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f"<div>{escape(standing)}.</div>", width="content")
        if annotator() in seniors:
            if pending:
                pages.link("label", f"Decide {count(len(pending))}", project.name, open="conflicts")
        else:
            who = f"{', '.join(seniors)} decides." if seniors else "Name a senior below to decide."
            st.html(f"<div class='fl-muted'>{escape(who)}</div>", width="content")


def people_table(report: "PeopleReport") -> str:
    """Return what each annotator did as HTML."""
    return fragment("people", "people_table", report.people, report.team.seniors, FEWEST)


def pairs_table(report: "PeopleReport") -> str:
    """Return the kappa of each pair as HTML."""
    shown = report.pairs[:SHOWN_PAIRS]
    return fragment("people", "pairs_table", shown, len(report.pairs) - len(shown), FEWEST)


def pair_chooser(report: "PeopleReport") -> tuple[str | None, str | None]:
    """Let a pair be chosen where there are several; return it, or nobody for all pairs."""
    if not report.pairs:
        return None, None
    if len(report.pairs) == 1:
        return report.pairs[0].a, report.pairs[0].b
    names = {f"{pair.a}, {pair.b}": (pair.a, pair.b) for pair in report.pairs}
    chosen = st.selectbox("Pair", [ALL, *names], key="fl-people-pair", label_visibility="collapsed")
    return names.get(chosen, (None, None))


def matrix(project: Project, report: "PeopleReport", a: str | None, b: str | None) -> str:
    """Return the disagreement matrix as HTML; a cell leads to its images on the label page."""
    counts, images = report.matrix(a, b), report.cells(a, b)
    if not counts.sum():
        return "<div class='fl-muted'>No image was labelled by two people apart.</div>"
    values = list(report.categories)
    used = [i for i in range(len(values)) if counts[i].sum() + counts[:, i].sum() > 0]
    most = counts[np.ix_(used, used)].max()

    def cell(i: int, j: int) -> dict[str, Any]:
        n, ids = int(counts[i, j]), images.get((values[i], values[j]), [])
        pair = f"|{a}|{b}" if a and b else ""
        target = quote(f"people|{values[i]}|{values[j]}{pair}")
        share = n / counts[i].sum() if i == j and n else n / most
        href = f"label?project={quote(project.name)}&open={target}" if ids else ""
        return matrix_cell(n, share, right=i == j, title=plural(len(ids), "image"), href=href)

    names = [report.categories[values[i]] for i in used]
    rows = [[cell(i, j) for j in used] for i in used]
    return fragment("people", "disagreement", names, rows, a, b)


def effect(report: "PeopleReport") -> str:
    """Return what seeing predictions did, with its caveat, as HTML."""
    return fragment("people", "effect", report.effect)
