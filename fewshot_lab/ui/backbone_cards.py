"""Cards of backbones, and switching a project to another one."""

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.backbones import Backbone, cards, find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.ui.words import count, escape


def show(project: Project, *, busy: bool) -> None:
    """Draw the backbone in use in full, the others folded below it."""
    in_use = project.backbone
    st.header(in_use.card.title)
    st.html(facts(in_use))
    st.divider()
    st.header("Others")
    # Those at hand first, and among them one's own.
    for card in sorted(cards(), key=lambda c: (not c.offline, not c.name.startswith("run:"))):
        if card.name == in_use.name:
            continue
        here = "on this machine" if card.offline else "needs a download"
        told = f"{card.title} · {count(card.dimensions)} dimensions · {here}"
        if card.domain:
            told += f" · {card.domain}"
        # Whether a download is possible is only asked of the network for a card that is opened.
        fold = st.expander(told, key=f"fl-backbone-{card.name}", on_change="rerun")
        if fold.open:
            with fold, sentences():
                other(project, find(card.name), busy=busy)
    st.header("Any other")
    typed = st.text_input(
        "A model of timm, or a file with weights on this machine",
        placeholder="timm:convnext_tiny.in12k, or /models/my-backbone.safetensors",
        key="fl-backbone",
    )
    if typed.strip():
        with sentences():
            other(project, find(typed.strip()), busy=busy)


def other(project: Project, backbone: Backbone, *, busy: bool) -> None:
    """Draw a backbone that is not in use, with the button that switches to it."""
    st.html(facts(backbone))
    usable, sentence = backbone.available()
    if sentence and usable:
        st.caption(sentence)
    elif sentence:
        alert(sentence)
    n = len(project.store.ids())
    label = f"Use it and embed {count(n)} images" if n else "Use it"
    if st.button(label, key=f"fl-use-{backbone.name}", disabled=busy or not usable):
        switch(project, backbone)
        if n:
            st.rerun()
        pages.go("import", project.name)


def switch(project: Project, backbone: Backbone) -> None:
    """Switch to another backbone: at once without images, else once they are embedded.

    Raises
    ------
    FewshotLabError
        Where it cannot be had now.
    """
    usable, sentence = backbone.available()
    if not usable:
        raise FewshotLabError(sentence)
    if project.store.ids():
        jobs.start(project.folder, "prepare", ["--backbone", backbone.name])
    else:
        project.store.set("backbone", backbone.name)


def facts(backbone: Backbone) -> str:
    """Return a card's facts as HTML."""
    card = backbone.card
    how = card.preprocessing
    shape = "squashed" if how.resize == "squash" else f"cropped to the middle {how.crop:g}"
    rows = [
        ("Source", card.source),
        ("Good for", card.good_for),
        ("Licence", f"{card.licence} ({card.licence_class}{', gated' if card.gated else ''})"),
        ("Trained on", card.training),
        ("Has seen", card.leaks),
        ("Size", f"{card.size_mb:,.0f} MB"),
        ("Dimensions", count(card.dimensions)),
        ("Preprocessing", f"{how.size} × {how.size} px, {shape}, {how.interpolation}"),
        ("Fingerprint", card.fingerprint or "known once the weights are here"),
        ("Weights", "on this machine" if card.offline else "need a download"),
    ]
    if card.note:
        rows.append(("Note", card.note))
    lines = "".join(f"<dt>{a}</dt><dd>{escape(str(b))}</dd>" for a, b in rows if b)
    return f'<dl class="fl-facts">{lines}</dl>'
