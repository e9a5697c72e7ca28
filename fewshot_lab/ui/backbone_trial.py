"""“Use this backbone”: both maps and both few-shot curves on the same labels, then the switch."""

from typing import Any

import streamlit as st

from fewshot_lab.backbones import find
from fewshot_lab.project import Project
from fewshot_lab.runs import read_trial
from fewshot_lab.stats import difference_word
from fewshot_lab.store import colour_for
from fewshot_lab.ui import chart_parts, pages, run_charts, work
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import note, sentences
from fewshot_lab.words import count, plural, signed


def show(project: Project, name: str) -> None:
    """Draw the trial of a backbone on the open project."""
    st.header("Use this backbone")
    n = len(project.store.ids())
    if not n:
        st.caption("The open project has no images yet.")
        return
    with sentences():
        if project.backbone.fingerprint == find(name).fingerprint:
            in_use(project)
            return
        if work.is_busy(project, "try-backbone"):
            return
        trial = read_trial(project, name)
        if trial is None:
            st.caption(
                f"{plural(n, 'image')} of {project.name} are embedded by it in the background. "
                "Labels stay, and nothing is switched before you have compared."
            )
            if st.button("Try it on this project", type="primary", key=f"fl-try-{name}"):
                work.start(project, "try-backbone", backbone=name)
                st.rerun()
            return
        compare(project, name, trial)


def in_use(project: Project) -> None:
    """Say that it is in use, and offer the way back."""
    before = project.store.get("backbone_before")
    note(f"{project.name} uses this backbone.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        pages.link("label", "Open the map", project.name)
        if before and st.button(f"Back to {find(before).card.title}", key="fl-back"):
            switch(project, before)


def switch(project: Project, name: str) -> None:
    """Switch the project's backbone; the project remembers the one before."""
    project.use_backbone(name)
    st.rerun()


def compare(project: Project, name: str, trial: dict[str, Any]) -> None:
    """Draw both maps and both curves, with the button that switches."""
    before = trial["before"]
    titles = {before: find(before).card.title, name: find(name).card.title}
    colours = _colours(project)
    for column, each in zip(st.columns(2, gap="medium"), (before, name), strict=True):
        with project.through(each) as view:
            layout = view.map
        word = "Now" if each == before else "New"
        if layout is None:
            column.caption(f"{titles[each]} has no map yet.")
        else:
            figure = run_charts.small_map(layout, colours, f"{word}: {titles[each]}")
            column.plotly_chart(figure, config=chart_parts.CONFIG, key=f"fl-map-{each}")
    st.html(legend(colours))
    curve = trial["curve"]
    gains = [d for d in curve["differences"] if d["backbone"] == name] if curve else []
    gain = max(gains, key=lambda d: d["shots"], default=None)
    if curve is None:
        st.caption(trial["reason"])
    else:
        st.plotly_chart(
            run_charts.few_shot(curve, titles), config=chart_parts.CONFIG, key="fl-few-shot"
        )
        st.caption(_verdict(curve, gain))
    worse = gain is not None and gain["interval"][1] < 0
    if st.button("Switch to it", type="secondary" if worse else "primary", key=f"fl-switch-{name}"):
        switch(project, name)


def legend(colours: dict[str, tuple[str, str]]) -> str:
    """Return which class has which colour on the maps, as HTML."""
    return fragment("backbones", "legend", sorted(set(colours.values()))) if colours else ""


def _verdict(curve: dict[str, Any], gain: dict[str, Any] | None) -> str:
    kind = "your labels" if curve["labels"] == "own" else "the reference labels"
    if gain is None:
        return ""
    low, high = (100 * v for v in gain["interval"])
    word = difference_word(low, high)
    return (
        f"At {gain['shots']} labels per class: {signed(100 * gain['difference'])} points "
        f"({signed(low)} to {signed(high)}), {word}; by the app's classifier on {kind}, "
        f"{curve['results'][0]['draws']} draws, {count(curve['test_images'])} images for testing. "
        f"{curve['leak_check']}"
    )


def _colours(project: Project) -> dict[str, tuple[str, str]]:
    """Return class name and colour of each labelled image; reference labels where none is."""
    classes = {row.id: row for row in project.store.classes(include_retired=True)}
    labelled = {
        image_id: (classes[label.class_id].name, classes[label.class_id].color)
        for image_id, label in project.store.labels().items()
        if label.class_id is not None
    }
    if len(labelled) >= 10:
        return labelled
    reference = {row.id: row.reference for row in project.store.images() if row.reference}
    names = sorted(set(reference.values()))
    colour = {name: colour_for(number) for number, name in enumerate(names)}
    return {image_id: (name, colour[name]) for image_id, name in reference.items()}
