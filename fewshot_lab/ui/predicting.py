"""The predict page: a bundle, images, and what it says of them."""

import base64
import shutil
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.errors import as_sentence
from fewshot_lab.evaluation import HEADLINE
from fewshot_lab.export import (
    Bundle,
    ImagePrediction,
    StoredPredictions,
    predictions_table,
    read_predictions,
    write_sources,
)
from fewshot_lab.files import write_atomically
from fewshot_lab.home import home
from fewshot_lab.project import Project
from fewshot_lab.ui import pages, predicted_groups, visitor, work
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.import_result import files_table
from fewshot_lab.ui.on_error import note, sentences
from fewshot_lab.ui.sources import keep_drop
from fewshot_lab.ui.written_bundles import written_bundles
from fewshot_lab.ui.written_file import download_csv
from fewshot_lab.web import api_url
from fewshot_lab.words import count, plural

ANOTHER = "A ZIP from elsewhere"
SHOWN = 30
BARS = 4
VERB = "predict-dropped"


def show(project: Project | None) -> None:
    """Draw the page: what runs, what was found last, and the way to ask anew."""
    with sentences():
        if project is None:
            visitor.require("browse")  # what is kept there is everybody's
        base = base_folder(project)
        job = next((job for job in jobs.list_jobs(base) if job.verb == VERB), None)
        if job is not None and job.status().active:
            work.show(job)
            return
        if job is not None:
            work.show_ending(base, job)
        ask(project, base)
        if job is not None and (predictions := read_predictions(folder_of(job))) is not None:
            draw(predictions, folder_of(job), job, project)


def base_folder(project: Project | None) -> Path:
    """Return where predictions are kept: in the project, or beside the projects for none."""
    return project.folder if project is not None else home() / ".predictions"


def folder_of(job: "jobs.Job") -> Path:
    """Return the folder a prediction job works in."""
    return Path(job.args[0])


def ask(project: Project | None, base: Path) -> None:
    """Ask for a bundle and for images, and start."""
    chosen = choose_bundle(project, base)
    if chosen is None:
        return
    turn = st.session_state.setdefault("fl-predict-turn", 0)
    dropped = st.file_uploader(
        "Drop images to predict here, or a ZIP of them",
        accept_multiple_files=True,
        key=f"fl-predict-{turn}",
    )
    if dropped:
        start(base, chosen, dropped)
        st.session_state["fl-predict-turn"] = turn + 1  # an empty field for the next ones
        st.session_state.pop("fl-every-answer", None)
        st.rerun()


def start(base: Path, bundle: Path, dropped: Sequence[Any]) -> "jobs.Job":
    """Keep dropped files and predict them in a process of its own; forget the last ones."""
    in_use = set()  # another tab may have started one meanwhile
    for job in jobs.list_jobs(base):
        if job.verb == VERB and job.status().active:
            in_use.add(folder_of(job))
        elif job.verb == VERB:
            forget(job)
    for left in (base / "predictions").glob("*/"):
        if left not in in_use:
            shutil.rmtree(left, ignore_errors=True)
    folder = base / "predictions" / f"{time.time_ns()}"
    folder.mkdir(parents=True)
    try:
        write_sources(folder, keep_drop(dropped, folder, by_table=False))
        return work.start(base, VERB, str(folder), str(bundle))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def forget(job: "jobs.Job") -> None:
    """Delete a prediction with everything that is kept of it."""
    shutil.rmtree(folder_of(job), ignore_errors=True)
    job.delete()


def choose_bundle(project: Project | None, base: Path) -> Path | None:
    """Ask which bundle to use: one of the project's, or one from elsewhere."""
    bundles = written_bundles(project) if project is not None else []
    if project is not None and (export := work.active(project, ("export",))) is not None:
        note("A bundle of this project is being written; it can be chosen here once it is.")
        work.show(export)
    if not bundles and not st.session_state.get("fl-elsewhere"):
        if project is None:
            st.session_state["fl-elsewhere"] = True
            st.rerun()
        sentence = "No bundle has been exported from this project yet."
        empty(sentence, "Export one", "export", project)
        with st.container(key="fl-blank-second", horizontal_alignment="center"):
            st.button(
                "Use a bundle from elsewhere",
                type="tertiary",
                key="fl-elsewhere-now",
                on_click=_elsewhere,
            )
        return None
    chosen = ANOTHER
    if bundles:
        names = [one.folder.name for one in bundles]
        wanted = st.session_state.get("fl-bundle")
        chosen = st.selectbox(
            "Bundle", [*names, ANOTHER], index=names.index(wanted) if wanted in names else 0
        )
    if chosen != ANOTHER:
        return next(one.folder for one in bundles if one.folder.name == chosen)
    file = st.file_uploader("Drop a bundle here, as ZIP", type="zip", key="fl-bundle-zip")
    return stored_zip(base) if file is None else keep_zip(base, file)


def _elsewhere() -> None:
    st.session_state["fl-elsewhere"] = True


def keep_zip(base: Path, file: Any) -> Path:
    """Keep an uploaded bundle, so that a reload need not ask for it again.

    Raises
    ------
    FewshotLabError
        If it is no bundle, or cannot be kept.
    """
    path = base / "predictions" / "bundle.zip"
    if st.session_state.get("fl-kept-zip") != file.file_id or not path.is_file():
        beside = path.with_name("new.zip")
        try:
            with as_sentence("The bundle could not be kept"):
                write_atomically(beside, bytes(file.getbuffer()))
                with Bundle.open(beside):
                    beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        st.session_state["fl-kept-zip"] = file.file_id
    return path


def stored_zip(base: Path) -> Path | None:
    """Return the bundle that was uploaded last, saying so."""
    path = base / "predictions" / "bundle.zip"
    if not path.is_file():
        return None
    st.caption("The bundle that was uploaded last is in use.")
    return path


def draw(
    predictions: StoredPredictions, folder: Path, job: "jobs.Job", project: Project | None
) -> None:
    """Draw the answers, the files that could not be read, and the CSV."""
    images = predictions.answers
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        summary = f"<b>{plural(len(images), 'image')}</b> by {escape(predictions.bundle)}"
        if images and images[0].decided is not None:
            summary += f" · {verdict(images)}"
        st.html(summary)
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            if st.button("Delete these answers", type="tertiary", key="fl-forget"):
                forget(job)
                st.rerun()
            if images:
                download_csv(predictions_table(predictions), "predictions.csv")
    files_table(
        f"{plural(len(predictions.refused), 'file')} could not be read",
        ("File", "Reason"),
        predictions.refused,
        "unreadable.csv",
        expanded=not images,
    )
    if images and not predictions.compared:
        st.caption("The labelled images of this bundle are not in the open project.")
    if images:
        predicted_groups.show(predictions)
    if common := shared_reason(images):
        note(f"Referred to a person: {common}")
    everything = st.session_state.get("fl-every-answer", False)
    shown = images if everything else images[:SHOWN]
    base = pages.rooted(api_url(project.name)) if project is not None else ""
    st.html("".join(answer_html(one, predictions.colours, base, folder, common) for one in shown))
    if len(shown) < len(images):
        rest = len(images) - len(shown)
        st.button(f"Show {rest:,} more", type="tertiary", key="fl-more", on_click=_everything)


def verdict(answers: Sequence[ImagePrediction]) -> str:
    """Return how many images are decided, referred and unlike anything labelled."""
    referred = sum(one.decided is False for one in answers)
    unlike = sum(bool(one.unlike) for one in answers)
    words = f"{count(len(answers) - referred)} decided, {count(referred)} referred to a person"
    return words + (f", of these {count(unlike)} unlike anything labelled" if unlike else "")


def shared_reason(answers: Sequence[ImagePrediction]) -> str:
    """Return why images are referred, where it is the same for several; of unlike ones each has."""
    reasons = [one.why for one in answers if one.decided is False and not one.unlike]
    return reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""


def _everything() -> None:
    st.session_state["fl-every-answer"] = True


def answer_html(
    answer: ImagePrediction, colours: dict[str, str], base: str, folder: Path, common: str = ""
) -> str:
    """Return one answer as HTML: the image, its odds, the labelled images like it."""
    picture = base64.b64encode((folder / answer.thumbnail).read_bytes()).decode()
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:BARS]
    headline = HEADLINE if answer.unlike else answer.predicted
    why = "" if answer.why == common else answer.why.removeprefix(f"{HEADLINE}: ")
    return fragment("answers", "answer", answer, headline, why, picture, ranked, colours, base)
