"""Long work on the page: how far it is, stop, resume."""

from pathlib import Path

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.accounts import JOB_ACTIONS
from fewshot_lab.home import MARKER
from fewshot_lab.project import Project
from fewshot_lab.ui import visitor
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.words import count, duration

STAGES = {
    "drawing": "Drawing cells",
    "listing": "Looking for images",
    "looking through videos": "Looking through videos",
    "counting": "Counting series",
    "fetching": "Fetching images",
    "headers": "Reading the headers of DICOM files",
    "reading": "Reading images",
    "loading": "Loading the backbone",
    "embedding": "Embedding",
    "neighbours": "Finding neighbours",
    "layout": "Laying out the map",
    "placing": "Placing the images on the map",
    "fitting": "Fitting the classifier",
    "measuring": "Measuring the classifier",
    "writing": "Writing",
    "slides": "Writing the files of each slide",
    "sending": "Sending reports",
    "checking": "Checking the bundle against the app",
    "downloading": "Downloading the backbone",
    "predicting": "Predicting",
    "decoding": "Reading the images",
    "pretraining": "Pretraining",
    "drawing labels": "Comparing on the same labels",
    "replaying": "Labelling again by each strategy",
    "comparing": "Comparing backbones on your labels",
    "timing": "Measuring what the backbones cost",
}
WORK = {
    "import": "Import",
    "pacs-fetch": "Fetch from the PACS",
    "embed": "Embedding",
    "map": "Map",
    "prepare": "Embedding and map",
    "demo": "Demo project",
    "export": "Export",
    "report": "Report",
    "exchange-out": "File for another tool",
    "slides-out": "Files of the slides",
    "exchange-in": "Labels from another tool",
    "pacs-report": "Reports for the PACS",
    "predict-dropped": "Prediction",
    "evaluate-nshot": "Few-shot curve",
    "evaluate-replay": "Replay",
    "evaluate-backbones": "Comparison of backbones",
    "compare-backbones": "Comparison of backbones",
    "try-backbone": "Trial of the backbone",
}
ENDED_BADLY = {"failed", "lost", "stopped"}


def command_options(**values: object) -> list[str]:
    """Return options as a command's words: ``least=3, zip=True`` is ``--least 3 --zip``.

    None, False and an empty text leave an option out; a list or tuple gives it once for each.
    """
    words: list[str] = []
    for name, value in values.items():
        option = f"--{name.strip('_').replace('_', '-')}"
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is True:
                words.append(option)
            elif each not in (None, "") and each is not False:
                words += [option, str(each)]
    return words


def start(base: Project | Path, verb: str, *words: str, **options: object) -> "jobs.Job":
    """Start work on a project, or in a folder without one, where whoever looks may.

    Raises
    ------
    Forbidden
    """
    folder = base if isinstance(base, Path) else base.folder
    _require(folder, verb)
    return jobs.start(folder, verb, [*words, *command_options(**options)])


def _require(folder: Path, verb: str) -> None:
    """Refuse to start or stop work of a verb to somebody who may not."""
    if (folder / MARKER).exists():
        visitor.require(JOB_ACTIONS.get(verb, "measure"), folder.name)


def active(project: Project, verbs: tuple[str, ...] = ()) -> "jobs.Job | None":
    """Return the newest job that runs or waits, of the given verbs if any are given."""
    running = jobs.running(project.folder)
    return next((job for job in running if not verbs or job.verb in verbs), None)


def latest(project: Project, verbs: tuple[str, ...]) -> "jobs.Job | None":
    """Return the newest job of some verbs, whatever became of it."""
    return next((job for job in jobs.list_jobs(project.folder) if job.verb in verbs), None)


def stage_words(status: "jobs.Status") -> str:
    """Return what a job is doing, in words."""
    if status.state == "queued":
        return status.message.rstrip(".") or "Starting"
    stage = status.stage or "starting"
    return STAGES.get(stage, stage[:1].upper() + stage[1:])


def progress_words(status: "jobs.Status") -> str:
    """Return count, rate and time left: "420 of 1,200 · 35 a second · 22 s left"."""
    parts = []
    if status.total:
        parts.append(f"{count(status.done)} of {count(status.total)}")
    elif status.done:
        parts.append(count(status.done))
    if status.rate and status.done:
        rate = f"{status.rate:.0f}" if status.rate >= 10 else f"{status.rate:.1f}"
        parts.append(f"{rate} a second")
    if status.seconds_left is not None and status.total and status.done < status.total:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)


def what_follows(status: "jobs.Status", verb: str = "") -> str:
    """Say what comes after the stage at hand, and that nobody needs to wait for it."""
    alone = "The work goes on when this page is closed."
    if verb in ("predict-dropped", "pacs-report"):
        return alone
    if status.stage in ("drawing", "listing", "looking through videos", "headers", "reading"):
        return f"Then the images are embedded and laid out on the map. {alone}"
    if status.stage in ("loading", "embedding"):
        return f"Then the map is laid out. {alone}"
    return alone


def bar(status: "jobs.Status") -> str:
    """Return the bar of a job as HTML."""
    share = min(100.0, 100 * status.done / status.total) if status.total else None
    return fragment("projects", "job", stage_words(status), progress_words(status), share)


def show(job: "jobs.Job") -> None:
    """Show a job until it ends; then the whole page runs again."""

    @st.fragment(run_every=0.5)
    def watch() -> None:
        with sentences():
            status = job.status()
            if not status.active:
                st.rerun()
            st.html(bar(status))
            with st.container(horizontal=True, gap="medium"):
                if st.button("Stop", key=f"stop-{job.id}", type="tertiary"):
                    _require(job.folder.parents[1], job.verb)
                    job.stop()
                if job.waits_in_queue and st.button(
                    "Begin now", key=f"now-{job.id}", type="tertiary"
                ):
                    _require(job.folder.parents[1], job.verb)
                    job.begin_now()
            if job.stopping:
                st.caption("Stopping; what is finished is kept.")
            else:
                st.caption(what_follows(status, job.verb))

    watch()


def show_ending(base: Project | Path, job: "jobs.Job") -> None:
    """Show why a job ended before it was done, with a button that goes on; nothing if it was."""
    status = job.status()
    if status.state not in ENDED_BADLY:
        return
    what = WORK.get(job.verb, job.verb)
    if status.state == "lost":
        sentence = f"{what}: the work was cut off. What was finished is kept."
        again = "Resume"
    elif status.state == "stopped":
        sentence = f"{what}: stopped. What was finished is kept."
        again = "Go on"
    else:
        sentence = status.message or f"{what}: failed, and did not say why."
        again = "Try again"
    alert(sentence)
    with st.container(horizontal=True, gap="medium"):
        if st.button(again, key=f"again-{job.id}"):
            resume(base, job)
            st.rerun()
        if st.button("Dismiss", key=f"dismiss-{job.id}", type="tertiary"):
            _require(job.folder.parents[1], job.verb)
            job.delete()
            jobs.clear_drops(base if isinstance(base, Path) else base.folder, of=job)
            st.rerun()


def is_busy(project: Project, verb: str) -> bool:
    """Show work of a verb while it goes on, else how it ended; return whether it goes on."""
    if (job := active(project, (verb,))) is not None:
        show(job)
    elif (ended := latest(project, (verb,))) is not None:
        show_ending(project, ended)
    return job is not None


def resume(base: Project | Path, job: "jobs.Job") -> "jobs.Job":
    """Start the same work again: it goes on from what is finished."""
    began = start(base, job.verb, *job.args)
    job.delete()
    return began


def corner(project: Project) -> None:
    """Show in one line which project is open and what runs for it."""
    job = active(project)

    @st.fragment(run_every=1.0 if job is not None else None)
    def line() -> None:
        with sentences():
            status = job.status() if job is not None else None
            st.html(corner_html(project, status))

    line()


def corner_html(project: Project, status: "jobs.Status | None") -> str:
    """Return what runs, which project is open and how many images it has, as HTML."""
    stage, share = "", None
    if status is not None and status.active:
        stage = stage_words(status)
        share = 100 * status.done // status.total if status.total else None
    images = len(project.store.ids())
    return fragment("projects", "corner", project.title, images, stage, share)
