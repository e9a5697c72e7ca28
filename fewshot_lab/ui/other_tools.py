"""Files for and from other tools: on the page Export, and on the page Import."""

from pathlib import Path

import streamlit as st

from fewshot_lab.exchange import FORMATS, FormatName, Incoming, read_labels, take_in
from fewshot_lab.project import Project
from fewshot_lab.ui import pages, session, sources, visitor, work
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.written_bundles import exports_folder
from fewshot_lab.ui.written_file import download, written
from fewshot_lab.words import plural, size

DONE = "fl-tool-labels-done"
CUT = "exchange-in"
"""The job that makes images of boxes."""


def _title(kind: FormatName) -> str:
    return FORMATS[kind].title


def show_export(project: Project) -> None:
    """Draw the part of the page Export that writes files for other tools."""
    st.header("Other tools")
    muted("Labels and predictions as another tool reads them. Images stay where they are.")
    left, right = st.columns([1, 2], gap="large")
    with left:
        kind: FormatName = st.selectbox("Tool", list(FORMATS), format_func=_title, key="fl-tool")
    form = FORMATS[kind]
    file = exports_folder(project) / "tools" / f"{project.name}-{form.file}"
    with right:
        muted(f"{form.carries}{_cost(project) if form.numbers else ''}")
        # The choice stays on the page meanwhile: Streamlit forgets a field with its page.
        if work.is_busy(project, "exchange-out"):
            return
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            if st.button(f"Write for {form.title}", key="fl-tool-write"):
                file.parent.mkdir(parents=True, exist_ok=True)
                work.start(project, "exchange-out", str(file), as_=kind)
                st.rerun()
            if file.exists():
                download(file, f"Download {file.name}", key=f"fl-tool-download-{kind}")
                muted(written(file))


def _cost(project: Project) -> str:
    """Say how large a file with embeddings gets."""
    embeddings = project.embeddings
    if embeddings is None or not len(embeddings):
        return " No image is embedded yet."
    return f" About {size(4 * len(embeddings) * embeddings.parts.dimensions)}."


def show_import(project: Project) -> None:
    """Draw the part of the page Import that takes labels out of another tool's file."""
    st.divider()
    st.header("Labels from another tool")
    muted("Labels that people gave to images there. A preview comes first.")
    cut = work.latest(project, (CUT,))
    if cut is not None and (report := cut.report()) is not None:
        note(str(report["sentence"]))
    if (done := st.session_state.get(DONE)) and done[0] == project.name:
        note(done[1])
    left, right = st.columns([1, 2], gap="large")
    with left:
        kind: FormatName = st.selectbox("Tool", list(FORMATS), format_func=_title, key="fl-from")
        boxes = not FORMATS[kind].numbers and st.checkbox(
            "Labelled boxes, too",
            key="fl-from-boxes",
            help="Each box becomes an image of its own: a part of its image, in the same group.",
        )
    turn = st.session_state.setdefault("fl-from-turn", 0)
    packed = kind == "fiftyone"
    with right:
        dropped = st.file_uploader(
            "Drop its file here, or choose one"
            + (": the dataset's folder as a ZIP, or its samples.json" if packed else ""),
            type=["zip", "json"] if packed else [Path(FORMATS[kind].file).suffix[1:]],
            key=f"fl-from-{kind}-{turn}",
        )
    if dropped is None:
        return
    # Who signs in here is known; names in a file are anybody's text.
    apart = f" ({FORMATS[kind].title})" if visitor.is_signed_in() else ""
    with sentences(), sources.dropped_file(dropped) as file:
        incoming = read_labels(project, file, kind, session.annotator(), boxes=boxes, apart=apart)
        able = _preview(project, file, incoming)
        if st.button("Take these labels", type="primary", disabled=not able, key="fl-from-store"):
            st.session_state["fl-from-turn"] += 1
            if incoming.boxes:  # each is read from its image, and embedded: work for a job
                [kept] = sources.keep_drop([dropped], project.folder, by_table=False)
                who: dict[str, str] = {"annotator": session.annotator(), "apart": apart}
                words = str(kept / file.name), "--boxes", "--prepare"
                work.start(project, CUT, *words, as_=kind, **who)
                pages.go("import", project.name)
            taken = take_in(project, file, kind, session.annotator(), apart=apart)
            st.session_state[DONE] = (project.name, taken.sentence)
            st.rerun()


def _preview(project: Project, file: Path, incoming: Incoming) -> bool:
    """Say what would be done; return whether it can be."""
    drawn = {who: [(row[0], row[2]) for row in rows] for who, rows in incoming.boxes.items()}
    boxes = project.labels.preview_rows(drawn, file.name)
    of_boxes = {who: each.rows - len(each.unmatched) for who, each in boxes.items()}
    for who, n in of_boxes.items():
        muted(f"{plural(n, 'box', 'boxes')} labelled by {who}, to be cut out and embedded.")
    previews = project.labels.preview_rows(incoming.rows, file.name)
    both = [*previews.values(), *boxes.values()]
    for who, each in previews.items():
        text = f"{plural(each.images, 'image')} labelled by {who}"
        if each.changed:
            text += f", {plural(each.changed, 'image')} of them different from now"
        muted(f"{text}.")
    new = {name for each in both for name in each.new_classes}
    if new:
        muted(f"{plural(len(new), 'class', 'classes')} made by this: {', '.join(sorted(new))}.")
    if incoming.other:
        left = plural(incoming.other, "box, outline or other answer", "boxes, outlines or others")
        muted(f"{left} left out.")
    away = {path for each in both for path in each.unmatched}
    if away:
        lead = "leads" if len(away) == 1 else "lead"
        alert(f"{plural(len(away), 'path')} of the file {lead} to no image here: {min(away)}")
    problems = [each.problem for each in previews.values() if each.problem]
    for problem in problems:
        alert(problem)
    any_label = any(each.images for each in previews.values()) or any(of_boxes.values())
    return any_label and not problems
