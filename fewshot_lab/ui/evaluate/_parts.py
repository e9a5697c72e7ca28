"""What several views of the Evaluate page share."""

from contextlib import suppress

import streamlit as st

from fewshot_lab.backbones import cards, find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.runs import list_runs
from fewshot_lab.ui.words import escape

KINDS = {"reference": "reference labels", "own": "your labels"}


def kinds_of_labels(project: Project) -> dict[str, str]:
    """Return which labels of two classes at least there are: "reference", "own"."""
    found = {}
    if len({row.reference for row in project.store.images() if row.reference}) > 1:
        found["reference"] = KINDS["reference"]
    if sum(n > 0 for n in project.store.counts().classes.values()) > 1:
        found["own"] = KINDS["own"]
    return found


def too_few(sentence: str) -> None:
    """Say what is missing."""
    st.html(f'<div class="fl-empty" style="padding:48px 0">{escape(sentence)}</div>')


def backbone_titles(project: Project, *, all_known: bool = False) -> dict[str, str]:
    """Return name and title of the backbones that have embedded images of the project.

    Parameters
    ----------
    all_known : bool
        Also those that could embed them without a download.
    """
    folder = project.folder / "embeddings"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found = {}
    for card in cards():
        if card.fingerprint in there or (all_known and card.offline):
            found[card.name] = card.title
    for run in list_runs():
        name = f"run:{run.name}"
        try:
            if find(name).fingerprint in there or all_known:
                found[name] = f"run {run.name}"
        except FewshotLabError:
            continue  # it has no weights yet
    if project.backbone_name not in found:
        with suppress(FewshotLabError):
            found[project.backbone_name] = project.backbone.card.title
    return found
