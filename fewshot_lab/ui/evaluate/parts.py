"""What several views of the Evaluate page share."""

from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any

import streamlit as st

from fewshot_lab.backbones import cards, find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import LiveSession, Snapshot
from fewshot_lab.project import Project, newest
from fewshot_lab.runs import list_runs
from fewshot_lab.ui import work
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.words import count

KINDS = {"reference": "reference labels", "own": "your labels"}

TOAST = "fl-splits-done"


def kinds_of_labels(project: Project) -> dict[str, str]:
    """Return which labels of two classes at least there are: "reference", "own"."""
    kinds = {}
    if len({row.reference for row in project.store.images() if row.reference}) > 1:
        kinds["reference"] = KINDS["reference"]
    if sum(n > 0 for n in project.store.counts().classes.values()) > 1:
        kinds["own"] = KINDS["own"]
    return kinds


def too_few(sentence: str) -> None:
    """Say what is missing."""
    st.html(f'<div class="fl-empty" style="padding:48px 0">{escape(sentence)}</div>')


def follow_classifier(
    project: Project,
    draw: Callable[[Snapshot], None],
    *,
    key: str,
    lack: str = "There is no classifier yet: label two classes.",
) -> None:
    """Draw the newest classifier; until it knows all labels, look again every second.

    Parameters
    ----------
    project : Project
    draw : callable
        Given a snapshot that has a classifier and its cross-validation.
    key : str
        Of the button that leads to labelling where there is none.
    lack : str
        What is missing then, where the session does not say it.
    """
    session = LiveSession.of(project)
    stale = session.snapshot.position < project.store.position()
    refining = session.refining
    if stale:
        session.notify()

    @st.fragment(run_every=1.0 if stale or refining else None)
    def figures() -> None:
        with sentences():
            snapshot = session.snapshot
            caught_up = stale and snapshot.position >= project.store.position()
            if caught_up or (refining and not session.refining):
                st.rerun()
            if snapshot.fitted is not None and snapshot.cv is not None:
                draw(snapshot)
            elif stale:
                muted("The classifier is learning from the newest labels.")
            else:
                ask_for_labels(project, snapshot.message or lack, key=key)

    figures()


def ask_for_labels(project: Project, sentence: str, *, key: str) -> None:
    """Say what is missing, with a button that leads to labelling."""
    empty(sentence, "Label images", "label", project, key=key)


def matrix_cell(n: int, share: float, *, right: bool, title: str, href: str = "") -> dict[str, Any]:
    """Return a cell of a table of counts, for its template.

    Parameters
    ----------
    n : int
        Images in it; without any it leads nowhere.
    share : float
        How dark it is, 0 to 1.
    right : bool
        Whether row and column agree.
    title, href : str
    """
    kind = "none" if not n else "" if right else "wrong"
    text = count(n) if n else "·"
    return {"text": text, "kind": kind, "share": share, "title": title, "href": href if n else ""}


def refit(project: Project, done: str | None = None) -> None:
    """Draw again after a change that figures depend on, and say what was done."""
    LiveSession.of(project).notify()
    if done is not None:
        st.session_state[TOAST] = done
    st.rerun()


def results_and_job(
    project: Project, verb: str, kind: str, draw: Callable[[dict[str, Any]], None]
) -> tuple[bool, bool]:
    """Draw the newest result of a kind, then the job at work, or how the last one ended.

    Returns
    -------
    bool, bool
        Whether there is a result, and whether a job is at work (then no form is wanted).
    """
    result = newest(project, kind)
    if result is not None:
        draw(result)
        st.divider()
    return result is not None, work.is_busy(project, verb)


def backbone_titles(project: Project, *, all_known: bool = False) -> dict[str, str]:
    """Return name and title of the backbones that have embedded images of the project.

    Parameters
    ----------
    all_known : bool
        Also those that could embed them without a download.
    """
    folder = project.folder / "embeddings"
    fingerprints = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    titles = {}
    for card in cards():
        if card.fingerprint in fingerprints or (all_known and card.offline):
            titles[card.name] = card.title
    for run in list_runs():
        name = f"run:{run.name}"
        try:
            if find(name).fingerprint in fingerprints or all_known:
                titles[name] = f"run {run.name}"
        except FewshotLabError:
            continue  # it has no weights yet
    if project.backbone_name not in titles:
        with suppress(FewshotLabError):
            titles[project.backbone_name] = project.backbone.card.title
    return titles
