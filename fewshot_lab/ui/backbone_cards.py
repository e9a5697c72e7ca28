"""Cards of backbones, and switching a project to another one."""

import streamlit as st

from fewshot_lab.backbones import EMBEDDED, Backbone, Card, cards, find, with_stages
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import backbone_verdict, pages, work
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.markdown import plain
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.ui.typed_paths import confine_backbone
from fewshot_lab.words import count, size

STAGES = "+stages"
LICENCES = {
    "open": "open licence",
    "share-alike": "share-alike licence",
    "non-commercial": "not for commercial use",
    "no-derivatives": "a classifier made with it must not be passed on",
    "not stated": "licence not known",
}
FILE_HELP = (
    "The full path of the file on the computer that runs the app. If the file does not state its "
    "architecture, add :: and its name in timm."
)


def show(project: Project, *, busy: bool) -> None:
    """Draw the backbone in use, the comparison, and all there are to choose from."""
    backbone = project.backbone
    st.header(f"In use: {backbone.card.title}")
    in_use(project, backbone, busy=busy)
    st.header("Which suits your labels best?")
    with sentences():
        backbone_verdict.show(project, busy=busy, use=_use)
    bare = backbone.name.partition(STAGES)[0]
    others = [card for card in cards() if card.name != bare]
    for title, group in groups(others):
        st.header(title)
        for card in group:
            row(project, card, busy=busy)
    st.header("From a file")
    typed = st.text_input(
        "A file with weights on the server, or a model of timm",
        placeholder="/models/my-backbone.safetensors, or timm:convnext_tiny.in12k",
        help=FILE_HELP,
        key="fl-backbone",
    )
    if typed.strip():
        with sentences():
            confine_backbone(typed.strip())
            other(project, find(typed.strip()), busy=busy)


def groups(listed: list[Card]) -> list[tuple[str, list[Card]]]:
    """Return the cards under their headings: what comes with the app, what is here, the rest."""
    embedded = {name.partition(STAGES)[0] for name in EMBEDDED}
    headings: dict[str, list[Card]] = {"Comes with the app": [], "On this machine": []}
    later: dict[str, list[Card]] = {}
    for card in listed:
        if card.name in embedded:
            headings["Comes with the app"].append(card)
        elif card.offline:
            headings["On this machine"].append(card)
        else:
            later.setdefault(card.domain or "anything else", []).append(card)
    headings |= {f"To download, for {field}": group for field, group in later.items()}
    return [(title, group) for title, group in headings.items() if group]


def row(project: Project, card: Card, *, busy: bool) -> None:
    """Draw a backbone that is not in use: what it is good for at once, the rest when opened."""
    # Whether a download is possible is only asked of the network for a card that is opened.
    fold = st.expander(headline(card), key=f"fl-backbone-{card.name}", on_change="rerun")
    if fold.open:
        with fold, sentences():
            other(project, find(card.name), busy=busy)


def headline(card: Card) -> str:
    """Return a card in one line of Markdown: name, what it is good for, what to mind."""
    mind = [licence(card)]
    if not card.offline:
        mind.append(f"{size(1e6 * card.size_mb)} to download")
    if card.leaks:
        mind.append("a benchmark set was in its training data")
    what = card.good_for.rstrip(".") or "Trained here"
    return f"**{plain(card.title)}** · {plain(what)} :gray[· {plain(' · '.join(mind))}]"


def licence(card: Card) -> str:
    """Return what the licence asks, in words."""
    return LICENCES[card.licence_class] + (", access must be requested" if card.gated else "")


def in_use(project: Project, backbone: Backbone, *, busy: bool) -> None:
    """Draw the backbone in use, the way back to the one before, and its inner stages."""
    st.html(facts(backbone))
    before = project.store.get("backbone_before")
    staged = with_stages(backbone.name)
    if staged != backbone.name:
        st.caption(
            "Only its last layer is read. Its inner stages often help to separate classes. To "
            "read them too, the images are embedded again, which takes as long as the first time."
        )
    with st.container(horizontal=True, gap="small"):
        if staged != backbone.name and st.button(
            "Read its inner stages too", key="fl-stages", disabled=busy
        ):
            _use(project, staged)
        if before:
            with sentences():
                title = find(before).card.title
                if st.button(f"Back to {title}", key="fl-back", disabled=busy):
                    _use(project, before)


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
        _use(project, with_stages(backbone.name))


def _use(project: Project, name: str) -> None:
    switch(project, find(name))
    if project.store.ids():
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
        work.start(project, "prepare", backbone=backbone.name)
    else:
        project.store.set("backbone", backbone.name)


def facts(backbone: Backbone) -> str:
    """Return a card's facts as HTML: what a clinician asks first, technical ones folded."""
    card = backbone.card
    how = card.preprocessing
    shape = "squashed" if how.resize == "squash" else f"cropped to the middle {how.crop:g}"
    where = "on this machine" if card.offline else f"{size(1e6 * card.size_mb)} to download"
    first = [
        ("Good for", card.good_for),
        ("Trained on", card.training),
        ("Mind", card.leaks),
        ("Licence", f"{licence(card).capitalize()} ({card.licence})"),
        ("Weights", where.capitalize()),
        ("Note", card.note),
    ]
    technical = [
        ("Name", card.name),
        ("Source", card.source),
        ("Size", f"{card.size_mb:,.0f} MB"),
        ("Dimensions", f"{count(card.dimensions)} in the last layer"),
        ("Preprocessing", f"{how.size} × {how.size} px, {shape}, {how.interpolation}"),
        ("Fingerprint", card.fingerprint or "known once the weights are here"),
    ]
    return fragment("backbones", "facts", first, technical)
