"""The part of the import form that asks about DICOM and NIfTI: groups, slices, what they cost."""

from pathlib import Path

import streamlit as st

from fewshot_lab.files import while_unchanged
from fewshot_lab.images import SliceStep, holds_slices
from fewshot_lab.project import ImportPreview, Project, preview_import
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.import_result import table_html
from fewshot_lab.words import count

GROUPS = {"Series": "SeriesInstanceUID", "Patient": "PatientID", "Study": "StudyInstanceUID"}
ALL, NTH, DISTANCE = "All", "Every nth", "By distance"
LISTED = 50


@while_unchanged(64)
def slices_at(path: Path, clips: tuple[tuple[str, Path], ...] = ()) -> bool:
    """Say whether a file or folder holds DICOM or NIfTI that is none of these clips."""
    return holds_slices(path, frozenset(file for _, file in clips))


def ask_group() -> str | None:
    """Ask which DICOM field says what belongs together."""
    chosen = st.segmented_control(
        "Group DICOM images by",
        list(GROUPS),
        default="Series",
        required=True,
        key="fl-group",
        help="Images of one group never sit on both sides of a test. Slices of one series always "
        "belong together. Of the patient's or study's id a code is kept, no id; of a header "
        "nothing else.",
    )
    return GROUPS[chosen or "Series"]


def ask_step() -> SliceStep:
    """Ask which slices of volumes are imported."""
    left, right = st.columns([2, 3], gap="medium", vertical_alignment="bottom")
    way = left.segmented_control(
        "Slices of CT, MR and other volumes",
        [ALL, NTH, DISTANCE],
        default=ALL,
        required=True,
        key="fl-slices",
        help="Neighbouring slices look alike: one every few millimetres is labelled sooner. The "
        "wheel still steps through all of them in the large view.",
    )
    step = SliceStep()
    if way == NTH:
        every = right.number_input("Take one slice of", 2, 100, 4, key="fl-slices-nth")
        step = SliceStep(int(every))
    elif way == DISTANCE:
        mm = right.number_input("Millimetres apart", 0.5, 100.0, 5.0, 0.5, key="fl-slices-mm")
        step = SliceStep(mm=float(mm))
    return step


def ask_slices(project: Project, source: Path) -> SliceStep:
    """Ask which slices are imported, and say what that comes to where it is asked."""
    step = ask_step()
    key = f"{source}|{source.stat().st_mtime_ns}|{step}"
    if st.button("Count slices and time", key="fl-count", type="tertiary"):
        with st.spinner("Reading the headers, and six images to see how long one takes"):
            preview = preview_import(project, source, slice_step=step)
        st.session_state["fl-preview"] = (key, preview)
    counted, preview = st.session_state.get("fl-preview", ("", None))
    if preview is not None and counted == key:
        _show(preview)
    return step


def _show(preview: ImportPreview) -> None:
    muted(preview.sentence)
    rows = [volume.cells() for volume in preview.volumes[:LISTED]]
    if rows:
        st.html(table_html(("First slice", "Slices", "Chosen", "Distance", "Note"), rows))
    if len(preview.volumes) > LISTED:
        st.caption(f"The first {LISTED} of {count(len(preview.volumes))} volumes.")
