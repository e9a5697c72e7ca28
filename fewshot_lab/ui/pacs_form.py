"""The part of the import page that searches a PACS, where one is set up, and fetches a study."""

from datetime import date

import streamlit as st

from fewshot_lab.pacs import FoundStudy, connect, search_studies
from fewshot_lab.project import Project, study_code
from fewshot_lab.ui import pages, visitor, work
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import note
from fewshot_lab.ui.volume_form import ask_group, ask_step
from fewshot_lab.words import count, plural

VERB = "pacs-fetch"
COLUMNS = ("Date", "Modality", "Series", "Images", "Patient", "Description")


def from_pacs(project: Project) -> None:
    """Search by patient, accession number or date, choose a study, fetch it."""
    visitor.require("import", project.name)
    pacs = connect()
    fetched = work.latest(project, (VERB,))
    report = fetched.report() if fetched is not None else None
    if report is not None:
        note(str(report.get("sentence", "")))
    with st.form("fl-pacs", border=False):
        left, middle, right, kind = st.columns(4)
        patient = left.text_input("Patient's id", key="fl-pacs-patient")
        accession = middle.text_input("Accession number", key="fl-pacs-accession")
        day = right.date_input("Date of the study", None, format="YYYY-MM-DD", key="fl-pacs-day")
        modality = kind.text_input("Modality (CT, MR)", key="fl-pacs-modality").strip().upper()
        asked = st.form_submit_button("Search the PACS")
    if asked:
        if not (patient.strip() or accession.strip() or day):
            muted("Name a patient, an accession number or a date.")
        else:
            on = day.strftime("%Y%m%d") if isinstance(day, date) else ""
            st.session_state["fl-pacs-found"] = search_studies(
                pacs,
                patient=patient.strip(),
                accession=accession.strip(),
                date=on,
                modality=modality,
            )
    if "fl-pacs-found" not in st.session_state:
        muted(
            f"Studies of {pacs.name}. Only pixels are kept of what is fetched; patients and "
            "studies become codes. What is searched is shown here and not stored."
        )
        return
    studies, more = st.session_state["fl-pacs-found"]
    if not studies:
        muted("No study matches.")
        return
    chosen = st.dataframe(
        [dict(zip(COLUMNS, _row(study), strict=True)) for study in studies],
        hide_index=True,
        selection_mode="single-row",
        on_select="rerun",
        key="fl-pacs-table",
    )
    if more:
        st.caption(f"There are more than these {count(len(studies))}: narrow the search.")
    group, step = ask_group(), ask_step()
    rows = chosen.selection.rows
    if rows:
        study = studies[rows[0]]
        muted(
            f"{plural(study.images, 'image')} in {plural(study.series, 'series', 'series')}, "
            "before slices are chosen and localizers left out."
        )
    if st.button("Fetch", type="primary", disabled=not rows, key="fl-pacs-fetch"):
        study = studies[rows[0]]
        # A job's words are on the disk: there the study is a code, found again by its date.
        words = [study_code(project, study.uid), "--date", study.date, "--prepare"]
        words += ["--slices", str(step)] + (["--group-field", group] if group else [])
        work.start(project, VERB, words + (["--modality", modality] if modality else []))
        del st.session_state["fl-pacs-found"]
        pages.go("import", project.name)


def _row(study: FoundStudy) -> tuple[str, ...]:
    day = study.date
    shown = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day
    figures = (count(study.series), count(study.images))
    return (shown, study.modalities, *figures, study.patient, study.description)
