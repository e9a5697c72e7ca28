"""The newest state of the classifier, waited for with a word about it."""

import streamlit as st

from fewshot_lab.live import LiveSession, Snapshot
from fewshot_lab.project import Project

SECONDS = 15


def newest_snapshot(project: Project) -> Snapshot:
    """Return the snapshot of the newest labels; an older one where it takes over 15 seconds."""
    session = LiveSession.of(project)
    snapshot = session.snapshot
    position = project.store.position()
    if snapshot.position < position:
        session.notify()
        with st.spinner("Fitting the classifier to the newest labels", show_time=False):
            for _ in range(SECONDS):
                snapshot = session.wait(snapshot.rev, 1.0)
                if snapshot.position >= position:
                    break
    return snapshot
