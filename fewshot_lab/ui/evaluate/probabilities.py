"""What the probabilities are worth: calibration, a threshold, prediction sets, unlike images."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import streamlit as st

from fewshot_lab.live import Snapshot
from fewshot_lab.project import (
    Project,
    between,
    class_names,
    gather,
    judge,
    keep_settings,
    reliability_words,
    sets_words,
    settings_of,
    threshold_words,
    unlike_words,
)
from fewshot_lab.ui import pages, probability_charts
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.evaluate.parts import follow_labels, learning
from fewshot_lab.ui.words import count
from fewshot_lab.ui.words import escape as plainly
from fewshot_lab.web import api_url

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Probabilities, Settings
    from fewshot_lab.project import Gathered
    from fewshot_lab.stats import Interval

ERRORS = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30]
COVERAGES = [80, 85, 90, 95, 98, 99]
SHARES = [0, 0.5, 1, 2, 5, 10]
SHOWN = 12
WORDS = {
    "Calibration": "turns scores into probabilities that come true as often as they say: of images "
    "given 0.8, four in five are right. A temperature does it by one number for all classes, a "
    "sigmoid by a curve, an isotonic map by steps.",
    "Log loss": "how far the probability of the right class is from 1; less is better.",
    "Out of fold": "on images that were left out while learning.",
    "Decided, referred": "an image whose probability reaches the threshold is decided; the others "
    "are left to a person.",
    "Prediction set": "the classes that an image may well be of; it holds the right one as often "
    "as promised.",
    "Exchangeable": "drawn from the same source in the same way, so that what held for the audit "
    "images holds for these.",
}
MEANING = "".join(f"<dt>{term}</dt><dd>{said}</dd>" for term, said in WORDS.items())


def escape(text: str) -> str:
    """Return text as HTML that breaks no line between a number and its sign."""
    return plainly(text).replace(" %", "&nbsp;%")


def show(project: Project) -> None:
    """Draw the view; until the newest labels are in it, look again every second."""
    follow_labels(project, lambda snapshot, stale: _draw_if_any(project, snapshot, stale))


def _draw_if_any(project: Project, snapshot: Snapshot, stale: bool) -> None:
    if snapshot.fitted is not None and snapshot.cv is not None:
        draw(project, snapshot)
    elif stale:
        learning()
    else:
        why = snapshot.message or "There is no classifier yet: label two classes."
        if empty(why, "Label images", key="probabilities"):
            pages.go("label", project.name)


# The last one of each project: every move of a slider only judges anew.
_KEPT: dict[str, tuple[tuple[object, ...], "Gathered"]] = {}


def gathered_once(project: Project, snapshot: Snapshot, share: float) -> "Gathered":
    """Gather the evidence of a snapshot, once."""
    assert snapshot.fitted is not None and snapshot.cv is not None
    place = str(project.folder)
    key = (id(snapshot.fitted), snapshot.position, share)
    if place not in _KEPT or _KEPT[place][0] != key:
        _KEPT[place] = (key, gather(project, snapshot.fitted, snapshot.cv.ids, share))
    return _KEPT[place][1]


def draw(project: Project, snapshot: Snapshot) -> None:
    """Draw what a snapshot's probabilities are worth."""
    settings = settings_of(project)
    gathered = gathered_once(project, snapshot, settings.unlike_share)
    found = judge(gathered, settings)
    if found is None:
        why = "Nothing to judge the probabilities by yet: every class needs a second label."
        if empty(why, "Label images", key="probabilities"):
            pages.go("label", project.name)
        return
    names = class_names(project, gathered.class_ids)
    lead, *rest = threshold_words(found)
    st.html(
        f'<p class="fl-lead" data-test="threshold">{escape(lead)}</p>'
        f'<div class="fl-muted" style="margin-top:4px">{escape(" ".join(rest))}</div>'
    )
    left, right = st.columns(2, gap="large")
    with left:
        error = st.select_slider(
            "Error wanted among the decided",
            sorted({*ERRORS, round(100 * settings.target_error, 3)}),
            value=round(100 * settings.target_error, 3),
            format_func=lambda value: f"{value:g} %",
            key="fl-target-error",
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
            help="With 95 % confidence the true error is at most the one wanted. It needs enough "
            "labelled audit images; else, and without this, the error is estimated.",
        )
    keep(project, settings, target_error=float(error) / 100, per_class=per_class, assure=assure)
    left, right = st.columns(2, gap="large")
    with left:
        st.plotly_chart(
            probability_charts.risk_coverage(found),
            config=probability_charts.CONFIG,
            key="fl-risk",
        )
    with right:
        st.plotly_chart(
            probability_charts.reliability(found),
            config=probability_charts.CONFIG,
            key="fl-reliability",
        )
    how = (
        f"{reliability_words(found)} {gathered.calibration.sentence} Both charts: "
        f"{found.evidence.words}. The error of the probabilities is over bins of equal numbers of "
        f"images ({len(found.reliability.bins)} bins), less what chance alone would make of it "
        f"(not corrected: {100 * found.reliability.plain:.1f} %)."
    )
    st.html(f'<div class="fl-small fl-muted">{escape(how)}</div>')
    with st.popover("What these words mean", type="tertiary"):
        st.html(f"<dl class='fl-words'>{MEANING}</dl>")
    if found.by_class:
        st.html(class_table(project, found, gathered, names))
    st.divider()
    sets(project, settings, found, gathered, names)
    st.divider()
    unlike(project, settings, found, gathered)
    st.html(
        '<div class="fl-small fl-muted">These settings are kept in the project; what they say goes '
        "into the bundle, its predict.py and its card.</div>"
    )


def keep(project: Project, settings: "Settings", **values: object) -> None:
    """Store changed settings, and draw again by them."""
    new = {**settings.to_dict(), **values}
    if new != settings.to_dict():
        keep_settings(project, new)
        st.rerun(scope="fragment")


def class_table(
    project: Project, found: "Probabilities", gathered: "Gathered", names: list[str]
) -> str:
    """Return the threshold of each predicted class as HTML."""
    colours = {row.id: row.color for row in project.store.classes(include_retired=True)}
    rules = {"assured": "assured", "estimated": "estimated", "none": "refers all"}
    rows = []
    for k, each in found.by_class.items():
        colour = escape(colours.get(int(gathered.class_ids[k]), ""))
        dot = f"<i class='fl-dot' style='background:{colour}'></i>{escape(names[k])}"
        none = each.rule == "none"
        rows.append(
            f"<tr><td>{dot}</td><td class='n'>{'–' if none else f'{each.value:.2f}'}</td>"
            f"<td class='n'>{between(each.coverage)}</td>"
            f"<td class='n'>{'–' if none else between(each.error)}</td>"
            f"<td class='n'>{count(each.error.n)}</td><td>{rules[each.rule]}</td></tr>"
        )
    return (
        "<table class='fl-table dense' style='margin-top:12px'><thead><tr><th>Predicted class</th>"
        "<th class='n'>From probability</th><th class='n'>Decided</th>"
        "<th class='n'>Wrong among the decided</th><th class='n'>n</th><th>Error</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def sets(
    project: Project,
    settings: "Settings",
    found: "Probabilities",
    gathered: "Gathered",
    names: list[str],
) -> None:
    """Draw the prediction sets and their settings."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header("Prediction sets")
        promised = st.select_slider(
            "Holds the true class",
            sorted({*COVERAGES, round(100 * settings.set_coverage, 3)}),
            value=round(100 * settings.set_coverage, 3),
            format_func=lambda value: f"{value:g} %",
            key="fl-set-coverage",
        )
        with st.container(horizontal=True, gap="large"):
            aps = st.toggle(
                "Adaptive",
                value=settings.set_method == "aps",
                key="fl-aps",
                help="Adaptive sets (APS) grow on hard images and cover easy and hard ones more "
                "evenly; without, the smallest sets on average (LAC).",
            )
            each = st.toggle(
                "For each class",
                value=settings.set_per_class,
                key="fl-set-per-class",
                help="Each class keeps the promise by itself. Rare classes make sets large.",
            )
        keep(
            project,
            settings,
            set_coverage=float(promised) / 100,
            set_method="aps" if aps else "lac",
            set_per_class=each,
        )
        for sentence in sets_words(found):
            st.html(f'<div class="fl-muted">{escape(sentence)}</div>')
    with right:
        colours = {row.id: row.color for row in project.store.classes(include_retired=True)}
        rows = []
        for k, inside in found.sets.by_class.items():
            colour = escape(colours.get(int(gathered.class_ids[k]), ""))
            dot = f"<i class='fl-dot' style='background:{colour}'></i>{escape(names[k])}"
            rows.append(f"<tr><td>{dot}</td>{range_cells(inside, colour, settings)}</tr>")
        st.html(
            "<table class='fl-table dense'><thead><tr><th>True class</th>"
            "<th class='n' colspan='2'>In the set (95 % interval)</th>"
            "<th class='n'>n</th></tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )


def range_cells(inside: "Interval", colour: str, settings: "Settings") -> str:
    """Return a share as a range on a line from 0 to 1, in numbers, and its n, as cells."""
    if not inside.n:
        return "<td class='fl-muted' colspan='2'>no image yet</td><td class='n'>0</td>"
    low, high, at = (100 * v for v in (inside.low, inside.high, inside.value))
    wanted = 100 * settings.set_coverage
    return (
        "<td style='width:34%'><div class='fl-range'>"
        f"<i style='left:{wanted:.1f}%;width:1px;top:0;height:12px;background:var(--fl-muted);"
        "opacity:1'></i>"
        f"<i style='left:{low:.1f}%;width:{max(high - low, 0.5):.1f}%;background:{colour}'></i>"
        f"<b style='left:{at:.1f}%;background:{colour}'></b></div></td>"
        f"<td class='n'>{between(inside)}</td><td class='n'>{count(inside.n)}</td>"
    )


def unlike(
    project: Project, settings: "Settings", found: "Probabilities", gathered: "Gathered"
) -> None:
    """Draw which images are unlike anything labelled."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header("Unlike anything labelled")
        share = st.select_slider(
            "Share of the unlabelled pool that is flagged",
            sorted({*SHARES, round(100 * settings.unlike_share, 3)}),
            value=round(100 * settings.unlike_share, 3),
            format_func=lambda value: f"{value:g} %" if value else "off",
            key="fl-unlike",
        )
        keep(project, settings, unlike_share=float(share) / 100)
        st.html(f'<div class="fl-muted">{escape(unlike_words(found))} They are referred.</div>')
    with right:
        ids = most_unlike(gathered)
        if not ids:
            return
        base = api_url(project.name)
        st.html(
            "<div class='fl-unlike'>"
            + "".join(
                f"<a href='label?project={quote(project.name)}&amp;open=image-{image_id}' "
                f"target='_self'><img src='{base}/thumb/{image_id}.webp' alt='' loading='lazy'>"
                f"<span>{similarity:.2f}</span></a>"
                for image_id, similarity in ids
            )
            + "</div><div class='fl-small fl-muted'>The most unlike images of the pool, with "
            "their similarity.</div>"
        )


def most_unlike(gathered: "Gathered") -> list[tuple[str, float]]:
    """Return the pool's images that are most unlike the labelled ones."""
    if gathered.similarity is None:
        return []
    order = np.argsort(gathered.similarity)[:SHOWN]
    return [(gathered.ids[i], float(gathered.similarity[i])) for i in order]
