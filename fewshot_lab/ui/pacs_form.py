"""The part of the import page that searches a PACS, where one is set up, and fetches a study."""

from datetime import date

import streamlit as st

from fewshot_lab.pacs import FoundStudy, Pacs, connect, search_studies
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
    pacs = connect(attempts=1)
    fetched = work.latest(project, (VERB,))
    report = fetched.report() if fetched is not None else None
    if report is not None:
        note(str(report.get("sentence", "")))
        pages.link("label", "Open the map", project.name)
    matches = search_form(pacs, "fl-pacs")
    if matches is None:
        muted(
            f"Studies of {pacs.name}. Only the pixels of fetched images are kept; patients and "
            "studies become codes. Search results are shown here and not stored."
        )
        return
    chosen = choose_studies(matches, "fl-pacs")
    if not matches[0]:
        return
    group, step = ask_group(), ask_step()
    if chosen:
        muted(
            f"{plural(chosen[0].images, 'image')} in "
            f"{plural(chosen[0].series, 'series', 'series')}, before slices are chosen and "
            "localizers left out."
        )
    if st.button("Fetch", type="primary", disabled=not chosen, key="fl-pacs-fetch"):
        modality = st.session_state["fl-pacs-modality"].strip().upper()
        options = {"slices": step, "group_field": group, "modality": modality}
        work.start(project, VERB, *named(project, chosen), "--prepare", **options)
        del st.session_state["fl-pacs-found"]
        # The form leaves the page meanwhile; the next one begins with the same choice.
        st.session_state["fl-turn"] = st.session_state.get("fl-turn", 0) + 1
        pages.go("import", project.name)


def search_form(pacs: Pacs, key: str) -> tuple[list[FoundStudy], bool] | None:
    """Ask what to search for; return the studies and whether there are more, None before that."""
    with st.form(key, border=False):
        left, middle, right, kind = st.columns(4)
        patient = left.text_input("Patient's id", key=f"{key}-patient")
        accession = middle.text_input("Accession number", key=f"{key}-accession")
        day = right.date_input("Date of the study", None, format="YYYY-MM-DD", key=f"{key}-day")
        modality = kind.text_input("Modality (CT, MR)", key=f"{key}-modality")
        asked = st.form_submit_button("Search the PACS")
    if asked:
        if not (patient.strip() or accession.strip() or day):
            muted("Name a patient, an accession number or a date.")
        else:
            on = day.strftime("%Y%m%d") if isinstance(day, date) else ""
            st.session_state.pop(f"{key}-found", None)
            with st.spinner(f"Asking {pacs.name}"):
                st.session_state[f"{key}-found"] = search_studies(
                    pacs,
                    patient=patient.strip(),
                    accession=accession.strip(),
                    date=on,
                    modality=modality.strip().upper(),
                )
    matches: tuple[list[FoundStudy], bool] | None = st.session_state.get(f"{key}-found")
    return matches


def choose_studies(
    matches: tuple[list[FoundStudy], bool], key: str, *, several: bool = False
) -> list[FoundStudy]:
    """Show the studies that were found; return those that are ticked."""
    studies, more = matches
    if not studies:
        muted("No study matches.")
        return []
    table = st.dataframe(
        [dict(zip(COLUMNS, _row(study), strict=True)) for study in studies],
        hide_index=True,
        selection_mode="multi-row" if several else "single-row",
        on_select="rerun",
        key=f"{key}-table",
    )
    if more:
        st.caption(f"There are more than these {count(len(studies))}: narrow the search.")
    return [studies[row] for row in table.selection.rows if row < len(studies)]


def named(project: Project, studies: list[FoundStudy], option: str = "") -> list[str]:
    """Return what names studies to a job: codes and dates, as a job's words are on the disk."""
    codes = [study_code(project, study.uid) for study in studies]
    if option:
        codes = [word for code in codes for word in (option, code)]
    days = dict.fromkeys(study.date for study in studies if study.date)
    return [*codes, *work.command_options(date=list(days))]


def _row(study: FoundStudy) -> tuple[str, ...]:
    day = study.date
    shown = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day
    figures = (count(study.series), count(study.images))
    name = study.patient.replace("^", ", ", 1).replace("^", " ")  # PS3.5, 6.2.1.1
    return (shown, study.modalities, *figures, name, study.description)
