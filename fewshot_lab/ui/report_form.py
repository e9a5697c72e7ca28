"""The part of the page Export that writes structured reports for a PACS, or sends them there."""

from pathlib import Path

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.pacs import connect, has_fetched, has_originals, is_set_up
from fewshot_lab.project import Project
from fewshot_lab.ui import visitor, work
from fewshot_lab.ui.choices import segments
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.pacs_form import choose_studies, named, search_form
from fewshot_lab.ui.typed_paths import confine
from fewshot_lab.words import plural

VERB = "pacs-report"
COUNT = "--dry-run"
PER = {"image": "Each image", "series": "Each series"}


def is_offered(project: Project) -> bool:
    """Say whether there is anything here that a PACS could take a report on."""
    return visitor.may("report", project.name) and has_originals(project)


def show(project: Project, *, ready: bool) -> None:
    """Draw the part: what is counted, and what is then written or sent."""
    st.header("Reports for the PACS")
    muted(
        "The classifier's answers as DICOM structured reports, one for each study: the class, its "
        "probability and the images. They name the patient as the original does, and are marked "
        "as not verified. No copy stays in the project."
    )
    if work.is_busy(project, VERB):
        return
    if (newest := work.latest(project, (VERB,))) is not None:
        _outcome(project, newest)
    if ready:
        _form(project)


def _outcome(project: Project, job: jobs.Job) -> None:
    """Say what was done; of what was only counted, offer to do it."""
    report = job.report()
    if report is None:
        return
    note(str(report["sentence"]))
    if not report.get("dry_run") or not report["reports"]:
        return
    words = [word for word in job.args if word != COUNT]
    reports = plural(report["reports"], "report")
    to = f"Send {reports} to {connect().name}" if "--send" in words else f"Write {reports}"
    with st.container(horizontal=True, gap="medium"):
        if st.button(to, type="primary", key="fl-report-do"):
            work.start(project, VERB, *words)
            job.delete()
            st.rerun()
        if st.button("Discard", type="tertiary", key="fl-report-discard"):
            job.delete()
            st.rerun()


def _form(project: Project) -> None:
    left, right = st.columns([1, 2], gap="large")
    with left:
        per = segments("One answer for", PER, key="fl-report-per")
    ways = (["Send to the PACS"] if is_set_up() else []) + ["Keep as files"]
    way = right.segmented_control(
        "Where to", ways, default=ways[0], required=True, key="fl-report-way"
    )
    words = ["--per", str(per), COUNT]
    if way == "Keep as files":
        typed = st.text_input(
            "Folder for the reports, outside of the project",
            key="fl-report-folder",
            help="On the machine that runs Fewshot Lab. The files name patients.",
        ).strip()
        able = Path(typed).is_absolute()
        if able:
            confine(Path(typed))
        elif typed:
            alert(f"Type the full path, from its root: /{typed}?")
        words = [typed, *words]
    else:
        words.append("--send")
        able = True
    if is_set_up() and has_fetched(project):
        words += _fetched_studies(project)
    if st.button("Count the reports", disabled=not able, key="fl-report-count"):
        work.start(project, VERB, *words)
        st.rerun()


def _fetched_studies(project: Project) -> list[str]:
    """Ask for the studies that images were fetched of, as these are nowhere stored."""
    muted("Originals of fetched images are in the PACS: search their studies, and tick them.")
    with sentences():
        pacs = connect(attempts=1)
        matches = search_form(pacs, "fl-report-pacs")
        if matches is not None:
            studies = choose_studies(matches, "fl-report-pacs", several=True)
            if studies:
                muted(f"{plural(len(studies), 'study', 'studies')} ticked.")
            return named(project, studies, "--study")
    return []
