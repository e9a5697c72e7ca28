"""Who labelled what, how far people agree, and what is to be decided."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import streamlit as st

from fewshot_lab.project import FEWEST, Project
from fewshot_lab.ui import pages, team_form
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.evaluate.parts import column_head, row_head
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.session import annotator
from fewshot_lab.ui.words import ago, count, escape, interval, percent, plural

if TYPE_CHECKING:
    from fewshot_lab.project import PeopleReport
    from fewshot_lab.stats import Interval

ALL = "All pairs"
SHOWN_PAIRS = 15
BESIDE = 9
"""Classes whose matrix fits beside the tables; that of more has the page's width."""


def show(project: Project) -> None:
    """Draw the view."""
    with sentences():
        report = project.team.report()
        if not report.people:
            if empty("Nobody has labelled anything yet.", "Label images", key="people"):
                pages.go("label", project.name)
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
    rows = ""
    if report.kappa is not None:
        spread = f" of {plural(report.groups, noun)}" if report.groups else ""
        rows += (
            figure("Agreement", report.kappa, f"images{spread}, 95 % interval, {report.kind}")
            if report.kappa.value == report.kappa.value
            else "<dt>Agreement</dt><dd class='fl-muted'>beyond chance cannot be told yet: all "
            "gave the images one and the same class.</dd>"
        )
        assert report.agreement is not None
        raw = "images: pairs of labels that are the same"
        rows += figure("Raw agreement", report.agreement, raw, share=True)
    else:
        rows += (
            "<dt>Agreement</dt><dd class='fl-muted'>cannot be told yet: no image was labelled by "
            "two people, each without sight of the other's label. Below you can have a share of "
            "the images labelled by several.</dd>"
        )
    since = f" <span>({escape(report.rule_since)})</span>" if report.rule_since else ""
    rows += f"<dt>Training label</dt><dd class='fl-figure'>{escape(report.rule)}{since}</dd>"
    if report.seen:
        rows += (
            f"<dt>Left out</dt><dd>{plural(report.seen, 'label')} given with somebody else's in "
            "sight: that is correction, not agreement</dd>"
        )
    return f'<dl class="fl-facts" style="align-items:baseline">{rows}</dl>'


def figure(title: str, value: "Interval", how: str, *, share: bool = False) -> str:
    """Return one figure with its interval and its n, as HTML."""
    if value.value != value.value:
        return (
            f"<dt>{escape(title)}</dt><dd class='fl-muted'>cannot be told: "
            f"{plural(value.n, 'image')}, all labelled alike.</dd>"
        )
    texts = (percent if share else "{:.2f}".format)(value.value)
    low, high = (percent(v) if share else f"{v:.2f}" for v in (value.low, value.high))
    low = low.removesuffix(" %")  # said once, after the second
    return (
        f"<dt>{escape(title)}</dt><dd class='fl-figure'><b>{texts}</b>"
        f"<span>{low}–{high}, n = {count(value.n)} {escape(how)}</span></dd>"
    )


def to_decide(project: Project, report: "PeopleReport") -> None:
    """Say how many images wait for a decision, and lead whoever may decide to them."""
    pending = [each for each in report.conflicts if not each.decided]
    if not report.conflicts:
        return
    said = f"{plural(len(report.conflicts), 'image')} labelled differently"
    if len(pending) < len(report.conflicts):
        said += f", {count(len(report.conflicts) - len(pending))} decided"
    unsettled = sum(each.label is None for each in pending)
    if unsettled:
        said += f"; {count(unsettled)} without a training label until somebody decides"
    seniors = report.team.seniors
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f"<div>{escape(said)}.</div>", width="content")
        if annotator() in seniors:
            if pending:
                pages.link("label", f"Decide {count(len(pending))}", project.name, open="conflicts")
        else:
            who = f"{', '.join(seniors)} decides." if seniors else "Name a senior below to decide."
            st.html(f"<div class='fl-muted'>{escape(who)}</div>", width="content")


def people_table(report: "PeopleReport") -> str:
    """Return what each annotator did as HTML."""
    rows = []
    for person in report.people:
        pace = "–"
        if person.pace is not None:
            spread = f"{person.pace.low:.1f}–{person.pace.high:.1f}"
            pace = f"{person.pace.seconds:.1f} <span class='fl-muted'>{spread}</span>"
        own = "–"
        kappa = person.self_kappa
        if kappa is not None and kappa.n >= FEWEST and kappa.value == kappa.value:
            own = f"{interval(kappa.value, kappa.low, kappa.high)} "
            own += f"<span class='fl-muted'>n {count(kappa.n)}</span>"
        elif person.repeats:
            own = f"<span class='fl-muted'>n {count(person.repeats)}, too few to say</span>"
        last = f"last {ago(person.last.timestamp())}" if person.last else ""
        senior = (
            " <span class='fl-muted'>senior</span>" if person.name in report.team.seniors else ""
        )
        rows.append(
            f"<tr><td title='{escape(last)}'>{escape(person.name)}{senior}</td>"
            f"<td class='n'>{count(person.labels)}</td><td class='n'>{count(person.shared)}</td>"
            f"<td class='n'>{pace}</td><td class='n'>{own}</td></tr>"
        )
    return (
        "<table class='fl-table'><thead><tr><th>Name</th><th class='n'>labels</th>"
        "<th class='n' title='Also labelled by somebody else, neither seeing the other'>shared</th>"
        "<th class='n'>s per label</th>"
        "<th class='n' title='Kappa of first and second look at images that came back unmarked'>"
        f"with oneself</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def pairs_table(report: "PeopleReport") -> str:
    """Return the kappa of each pair as HTML."""
    rows = []
    for pair in report.pairs[:SHOWN_PAIRS]:
        k = pair.kappa
        kappa = "<span class='fl-muted'>too few to say</span>"
        if k.n >= FEWEST and k.value == k.value:
            kappa = interval(k.value, k.low, k.high)
        same = percent(pair.agreement.value)
        rows.append(
            f"<tr><td>{escape(pair.a)}, {escape(pair.b)}</td><td class='n'>{kappa}</td>"
            f"<td class='n'>{same}</td><td class='n'>{count(k.n)}</td></tr>"
        )
    more = len(report.pairs) - SHOWN_PAIRS
    rest = f"<div class='fl-small fl-muted'>and {count(more)} more pairs</div>" if more > 0 else ""
    return (
        "<table class='fl-table'><thead><tr><th>Pair</th>"
        "<th class='n'>Cohen's kappa (95\u00a0%)</th><th class='n'>the same</th>"
        "<th class='n'>n</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{rest}"
    )


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
    counts, cells = report.matrix(a, b), report.cells(a, b)
    if not counts.sum():
        return "<div class='fl-muted'>No image was labelled by two people apart.</div>"
    values = list(report.categories)
    used = [i for i in range(len(values)) if counts[i].sum() + counts[:, i].sum() > 0]
    names = report.categories
    head = "".join(column_head(names[values[j]]) for j in used)
    body = []
    most = max(counts[i, j] for i in used for j in used)
    for i in used:
        line = []
        for j in used:
            value, ids = counts[i, j], cells.get((values[i], values[j]), [])
            share = value / counts[i].sum() if i == j and counts[i].sum() else value / most
            text = count(int(value)) if value else "·"
            if ids:
                between = f"|{a}|{b}" if a and b else ""
                asked = quote(f"people|{values[i]}|{values[j]}{between}")
                href = f"label?project={quote(project.name)}&amp;open={asked}"
                text = f"<a href='{href}' target='_self'>{text}</a>"
            kind = "none" if not value else ("" if i == j else "wrong")
            told = f"{plural(len(ids), 'image')}"
            line.append(f"<td class='{kind}' style='--p:{share:.3f}' title='{told}'>{text}</td>")
        body.append(f"<tr>{row_head(names[values[i]])}{''.join(line)}</tr>")
    said = (
        f"Rows: {escape(a)}. Columns: {escape(b)}."
        if a and b
        else "Pairs of labels of one image; those that differ stand on both sides of the diagonal."
    )
    return (
        f"<div class='fl-wide'><table class='fl-confusion'><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
        f"<div class='fl-small fl-muted'>{said} A click on a number shows the images.</div>"
    )


def effect(report: "PeopleReport") -> str:
    """Return what seeing predictions did, with its caveat, as HTML."""
    found = report.effect
    rows = ""
    if found.difference is not None:
        d = found.difference
        rows += (
            f"<dt>Difference</dt><dd class='fl-figure'><b>{signed(d.value)} points</b>"
            f"<span>{signed(d.low)} to {signed(d.high)}, n = {count(d.n)}, 95 % interval: by how "
            "many points more labels are the prediction when that is in sight</span></dd>"
        )
    if found.paired is not None:
        d = found.paired
        rows += (
            f"<dt>Same images</dt><dd class='fl-figure'><b>{signed(d.value)} points</b>"
            f"<span>{signed(d.low)} to {signed(d.high)}, n = {count(d.n)} labelled twice by one "
            "person, once with the prediction in sight and once without</span></dd>"
        )
    for title, side in (("In sight", found.seen), ("Hidden", found.hidden)):
        if side.n:
            rows += figure(title, side, "labels: those that are the prediction", share=True)
    table = f'<dl class="fl-facts" style="align-items:baseline">{rows}</dl>' if rows else ""
    return f"{table}<div class='fl-small fl-muted'>{escape(found.caveat)}</div>"


def signed(share: float) -> str:
    """Return 0.052 as "+5.2"."""
    points = 100 * share
    return "0.0" if abs(points) < 0.05 else f"{'+' if points > 0 else '−'}{abs(points):.1f}"
