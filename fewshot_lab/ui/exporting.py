"""The export page: what a bundle will hold, writing it, and those written before."""

import time
from collections.abc import Callable
from functools import partial

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.backbones import conditions, must_be_accepted
from fewshot_lab.cells import table_encoding
from fewshot_lab.export import labels_csv, opinions_csv, predictions_csv
from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.stats import Interval
from fewshot_lab.ui import other_tools, pages, report_form, work
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.ui.newest_snapshot import newest_snapshot
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.session import annotator
from fewshot_lab.ui.written_bundles import WrittenBundle, exports_folder, written_bundles
from fewshot_lab.ui.written_file import download, written
from fewshot_lab.words import count, moment, plural, share_of

NAMED = 10
CONTENTS = [
    ("model.onnx", "from an image to calibrated probabilities, backbone and classifier in one"),
    ("predict.py", "predicts a folder; needs only onnxruntime, numpy and pillow"),
    ("classifier.skops", "the classifier alone, for scikit-learn"),
    ("MODEL_CARD.md", "data, counts, figures with intervals, licence, intended use"),
    (
        "decision.json, reference.npz",
        "when to decide, prediction sets, what is unlike the labelled",
    ),
    ("classes.json, preprocessing.json, labels.csv, metrics.json", "what it was made from"),
]


def show(project: Project) -> None:
    """Draw the page."""
    bundles = written_bundles(project)
    job = work.active(project, ("export",))
    left, right = st.columns([3, 2], gap="large")
    with left, sentences():
        st.header("A bundle that works without the app")
        st.html(fragment("projects", "contents", CONTENTS))
    with right, sentences():
        st.header("The classifier")
        snapshot = newest_snapshot(project)
        if job is not None:
            work.show(job)
        elif snapshot.fitted is None:
            why = snapshot.message or "There is no classifier yet: label images of two classes."
            empty(why, "Label images", "label", project)
        else:
            newest = work.latest(project, ("export",))
            if newest is not None:
                work.show_ending(project, newest)
            st.html(what_it_is(project))
            file_names = st.checkbox(
                "Name the image files in labels.csv",
                key="fl-file-names",
                help="File names may hold a patient's name. Without them an image is named by its "
                "pixels alone.",
            )
            if st.button("Write the bundle", type="primary", disabled=not licence(project)):
                start(project, file_names=file_names)
                st.rerun()
            st.caption(
                "The bundle is read back and compared with the app on stored images. If a "
                "probability differs by more than 0.0001, the export is refused."
            )
    st.divider()
    st.header("Bundles")
    if not bundles:
        muted("None has been written yet.")
    for number, bundle in enumerate(bundles):
        with sentences():
            row(project, bundle, number)
    st.divider()
    with sentences():
        report(project, ready=snapshot.fitted is not None, busy=job is not None)
    st.divider()
    tables(project, classified=snapshot.fitted is not None)
    st.divider()
    with sentences():
        other_tools.show_export(project)
    with sentences():
        if report_form.is_offered(project):
            st.divider()
            report_form.show(project, ready=snapshot.fitted is not None)


def tables(project: Project, *, classified: bool) -> None:
    """Draw the labels, opinions and predictions to download."""
    st.header("Tables")
    labelled = bool(project.store.labels())
    downloads: tuple[tuple[str, Callable[[Project], str], bool, str], ...] = (
        (
            "Labels",
            labels_csv,
            labelled,
            "A row for each labelled image: the label that counts, whose it is, its split.",
        ),
        (
            "Opinions",
            opinions_csv,
            labelled,
            "A row for each person and image: each person's own label, before the team's rule "
            "makes one of them.",
        ),
        (
            "Predictions",
            predictions_csv,
            classified,
            "A row for each image, labelled or not: the class predicted for it, its probability, "
            "and whether the image trained the classifier.",
        ),
    )
    for column, (name, csv_of, ready, caption) in zip(
        st.columns(3, gap="large"), downloads, strict=True
    ):
        with column:
            st.download_button(
                f"{name} as CSV",
                partial(_as_file, csv_of, project, name.lower()),
                f"{project.name}-{name.lower()}.csv",
                "text/csv",
                disabled=not ready,
                on_click="ignore",
            )
            st.caption(caption)


def _as_file(csv_of: Callable[[Project], str], project: Project, kind: str) -> bytes:
    text = csv_of(project)
    project.store.note("export", kind=kind)
    return text.encode(table_encoding())


def licence(project: Project) -> bool:
    """Draw what the backbone's licence asks; return whether a bundle may be written."""
    card = project.backbone.card
    asked = conditions(card.title, card.licence, card.licence_class)
    if asked:
        muted(asked)
    if not must_be_accepted(card.licence_class):
        return True
    return st.checkbox("I know this licence and comply with it", key=f"fl-licence-{card.name}")


def report(project: Project, *, ready: bool, busy: bool) -> None:
    """Draw the report: writing it, and the one written last."""
    st.header("Report")
    muted(
        "One page with every figure and its interval, the learning curve, the leak check, "
        "calibration, agreement, versions and a hash of the label log: to read, to print, to "
        "publish from."
    )
    if work.is_busy(project, "report"):
        return
    path = exports_folder(project) / "report.html"
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        if st.button("Write the report", disabled=not ready or busy):
            path.parent.mkdir(parents=True, exist_ok=True)
            work.start(project, "report", out=path)
            st.rerun()
        if path.exists():
            name = f"{project.name}-report.html"
            download(path, "Download the report", key="fl-report-file", name=name)
            muted(written(path))


def what_it_is(project: Project) -> str:
    """Return what the classifier is, and how good, as HTML."""
    snapshot = LiveSession.of(project).snapshot
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    rows = [("Classes", named([names.get(i, str(i)) for i in snapshot.class_ids]))]
    if snapshot.sentence:
        rows.append(("Chosen", snapshot.sentence))
    if snapshot.cv is not None:
        why = snapshot.cv.why_not(names, project.splits.rule.noun)
        accuracy = f"{_measured(snapshot.cv.balanced_accuracy)}, by cross-validation"
        rows.append(("Balanced accuracy", why or accuracy))
    audit = snapshot.audit_report.figures if snapshot.audit_report is not None else None
    if audit is not None:
        n = audit.accuracy.n
        lack = f"not known yet: {plural(n, 'image')} drawn at random labelled, too few to say"
        accuracy = f"{_measured(audit.accuracy)}, on images drawn at random"
        rows.append(("Accuracy", accuracy if audit.until_narrow == 0 else lack))
    rows.append(("Backbone", f"{project.backbone.card.title}, {project.backbone.card.licence}"))
    return fragment("projects", "facts", rows)


def _measured(accuracy: Interval) -> str:
    return f"{share_of(accuracy)}, n = {count(accuracy.n)}"


def named(names: list[str]) -> str:
    """Return class names in a row; of many, how many and the first of them."""
    if len(names) <= NAMED:
        return " · ".join(names)
    return f"{len(names)}: {' · '.join(names[:NAMED])} and {len(names) - NAMED} more"


def start(project: Project, *, file_names: bool = False) -> "jobs.Job":
    """Start the job that writes a bundle and its ZIP; the licence is accepted by now."""
    target = exports_folder(project) / f"{project.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    must_accept = must_be_accepted(project.backbone.card.licence_class)
    return work.start(
        project,
        "export",
        str(target),
        zip=True,
        licence_accepted=must_accept,
        accepted_by=annotator() if must_accept else None,
        file_names=file_names,
    )


def row(project: Project, bundle: WrittenBundle, number: int) -> None:
    """Draw one bundle that was written before."""
    when = moment(bundle.created)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        facts = (bundle.classifier, bundle.n_images, difference(bundle.difference))
        st.html(fragment("projects", "bundle", bundle.folder.name, when, *facts))
        with st.container(horizontal=True, gap="medium", width="content"):
            if bundle.zip_path.exists():
                download(bundle.zip_path, "Download ZIP", key=f"fl-zip-{bundle.folder.name}")
            if st.button("Predict with it", type="tertiary", key=f"fl-with-{number}"):
                st.session_state["fl-bundle"] = bundle.folder.name
                pages.go("predict", project.name)


def difference(value: float) -> str:
    """Return how far a bundle's probabilities are from the app's."""
    if value < 0.000005:
        return "differs from the app by less than 0.00001"
    return f"differs from the app by at most {value:.5f}"
