"""The predict page: a bundle, images, and what it says of them."""

import base64
import csv
import io
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import Bundle
from fewshot_lab.images import Refused, make_thumbnail, read_rgb, scan
from fewshot_lab.project import Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.empty import empty
from fewshot_lab.ui.exporting import past_exports
from fewshot_lab.ui.import_result import files_table
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.routes import api_url
from fewshot_lab.ui.sources import keep_drop
from fewshot_lab.ui.words import escape, percent, plural

ANOTHER = "A ZIP from elsewhere"
ALIKE = 3
SHOWN = 30
BARS = 4


@dataclass(frozen=True)
class Alike:
    """A labelled image that is like a new one."""

    image_id: str
    class_name: str
    similarity: float


@dataclass(frozen=True)
class Answer:
    """What a bundle says of one image."""

    path: str
    predicted: str
    probabilities: dict[str, float]
    thumbnail: bytes
    alike: tuple[Alike, ...]


@dataclass(frozen=True)
class Answers:
    """What a bundle says of all images that were dropped."""

    names: list[str]
    answers: list[Answer]
    refused: list[tuple[str, str]]
    compared: bool


def show(project: Project | None) -> None:
    """Draw the page."""
    with sentences():
        bundle = choose_bundle(project)
        if bundle is None:
            return
        turn = st.session_state.setdefault("fl-predict-turn", 0)
        dropped = st.file_uploader(
            "Images to predict, or a ZIP of them",
            accept_multiple_files=True,
            key=f"fl-predict-{turn}",
        )
        if not dropped:
            st.session_state.pop("fl-answers", None)
            return
        key = (str(bundle.folder), tuple(file.file_id for file in dropped))
        kept = st.session_state.get("fl-answers")
        if kept is None or kept[0] != key:
            kept = (key, predict(bundle, dropped, project))
            st.session_state["fl-answers"] = kept
        draw(kept[1], bundle, project)


def choose_bundle(project: Project | None) -> Bundle | None:
    """Ask which bundle to use: one of the project's, or one from elsewhere."""
    past = past_exports(project) if project is not None else []
    if not past and not st.session_state.get("fl-elsewhere"):
        if project is None:
            st.session_state["fl-elsewhere"] = True
            st.rerun()
        if empty("No bundle has been exported from this project yet.", "Export one"):
            pages.go("export", project.name)
        with st.container(key="fl-blank-second", horizontal_alignment="center"):
            st.button(
                "Use a bundle from elsewhere",
                type="tertiary",
                key="fl-elsewhere-now",
                on_click=_elsewhere,
            )
        return None
    chosen = ANOTHER
    if past:
        names = [one.folder.name for one in past]
        wanted = st.session_state.get("fl-bundle")
        chosen = st.selectbox(
            "Bundle",
            [*names, ANOTHER],
            index=names.index(wanted) if wanted in names else 0,
        )
    if chosen != ANOTHER:
        return opened(next(one.folder for one in past if one.folder.name == chosen))
    file = st.file_uploader("A bundle as ZIP", type="zip", key="fl-bundle-zip")
    return None if file is None else opened(_kept_zip(file))


def _elsewhere() -> None:
    st.session_state["fl-elsewhere"] = True


def _kept_zip(file: Any) -> Path:
    """Write an uploaded bundle to disk, once."""
    kept = st.session_state.get("fl-kept-zip")
    if kept is None or kept[0] != file.file_id:
        folder = Path(tempfile.mkdtemp(prefix="fewshot-bundle-"))
        path = folder / "bundle.zip"
        path.write_bytes(file.getbuffer())
        kept = (file.file_id, path)
        st.session_state["fl-kept-zip"] = kept
    return Path(kept[1])


def opened(path: Path) -> Bundle:
    """Return a bundle, opened once per process; the last few are kept."""
    stat = path.stat()
    return _opened(str(path), stat.st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(path: str, stamp: int) -> Bundle:
    return Bundle.open(Path(path))


def predict(bundle: Bundle, dropped: Sequence[Any], project: Project | None) -> Answers:
    """Predict dropped files, with a bar while it takes."""
    bar = st.empty()
    folder = Path(tempfile.mkdtemp(prefix="fewshot-predict-"))
    try:
        found = list(scan(keep_drop(dropped, folder), extract_to=folder / "unpacked"))
        rows: list[tuple[Any, np.ndarray, np.ndarray]] = []
        refused: list[tuple[str, str]] = []
        for number, row in enumerate(bundle.predict(found), 1):
            if row.probabilities is None or row.embedding is None:
                refused.append((row.path, row.reason))
            else:
                rows.append((row, row.probabilities, row.embedding))
            bar.html(
                '<div class="fl-bar"><i style="width:'
                f'{100 * number / max(1, len(found)):.0f}%"></i></div>'
            )
        by_path = {item.path: item for item in found if not isinstance(item, Refused)}
        likes = alike(project, bundle, [embedding for _, _, embedding in rows])
        answers = [
            Answer(
                row.path,
                row.predicted,
                dict(zip(bundle.names, map(float, probabilities), strict=True)),
                _thumbnail(by_path[row.path]),
                like,
            )
            for (row, probabilities, _), like in zip(rows, likes or [()] * len(rows), strict=True)
        ]
        return Answers(list(bundle.names), answers, refused, likes is not None)
    finally:
        bar.empty()
        shutil.rmtree(folder, ignore_errors=True)


def _thumbnail(candidate: Any) -> bytes:
    return make_thumbnail(read_rgb(candidate.file, candidate.frame, at_least=256))


def alike(
    project: Project | None, bundle: Bundle, embeddings: Sequence[np.ndarray]
) -> list[tuple[Alike, ...]] | None:
    """Return the labelled images most like each new one; None where they are not at hand."""
    if project is None or not embeddings:
        return None
    known = project.embeddings
    if known is None or known.fingerprint != bundle.about["backbone"]["fingerprint"]:
        return None
    from fewshot_lab.embeddings import build_index

    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    labels = project.store.labels()
    ids = [
        image_id
        for image_id in known.ids
        if (label := labels.get(image_id)) is not None and label.kind == "class"
    ]
    if not ids:
        return None
    index = build_index(known.matrix(ids))
    similarity, rows = index.search(np.stack(embeddings).astype(np.float32), min(ALIKE, len(ids)))
    return [
        tuple(
            Alike(ids[j], names.get(labels[ids[j]].class_id or -1, ""), float(s))
            for s, j in zip(near, which, strict=True)
            if j >= 0
        )
        for near, which in zip(similarity, rows, strict=True)
    ]


def draw(found: Answers, bundle: Bundle, project: Project | None) -> None:
    """Draw the answers, the files that could not be read, and the CSV."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.html(f"<b>{plural(len(found.answers), 'image')}</b>")
        if found.answers:
            st.download_button(
                "Download as CSV",
                table(found),
                "predictions.csv",
                "text/csv",
                on_click="ignore",
            )
    files_table(
        f"{plural(len(found.refused), 'file')} could not be read",
        ("File", "Reason"),
        found.refused,
        "unreadable.csv",
        expanded=not found.answers,
    )
    if found.answers and not found.compared:
        st.caption("The labelled images of this bundle are not in the open project.")
    colours = {str(row["name"]): str(row["color"]) for row in bundle.classes}
    everything = st.session_state.get("fl-every-answer", False)
    shown = found.answers if everything else found.answers[:SHOWN]
    base = api_url(project.name) if project is not None else ""
    st.html("".join(answer_html(one, colours, base) for one in shown))
    if len(shown) < len(found.answers):
        rest = len(found.answers) - len(shown)
        st.button(f"Show {rest:,} more", type="tertiary", key="fl-more", on_click=_everything)


def _everything() -> None:
    st.session_state["fl-every-answer"] = True


def answer_html(answer: Answer, colours: dict[str, str], base: str) -> str:
    """Return one answer as HTML: the image, its odds, the labelled images like it."""
    picture = base64.b64encode(answer.thumbnail).decode()
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    odds = "".join(
        f"<span class='{'' if i == 0 else 'low'}' title='{escape(name)}'>{escape(name)}</span>"
        f"<div><i style='width:{100 * p:.1f}%;"
        f"background:{escape(colours.get(name, ''))}'></i></div>"
        f"<em>{percent(p)}</em>"
        for i, (name, p) in enumerate(ranked[:BARS])
    )
    like = ""
    if answer.alike:
        figures = "".join(
            f"<figure><img src='{base}/thumb/{a.image_id}.webp' alt=''>"
            f"<figcaption title='{escape(a.class_name)}, similarity {a.similarity:.2f}'>"
            f"{escape(a.class_name)}</figcaption></figure>"
            for a in answer.alike
        )
        like = (
            f"<div><p class='fl-small'>Most like it</p><div class='fl-alike'>{figures}</div></div>"
        )
    return (
        f"<div class='fl-answer'><img src='data:image/webp;base64,{picture}' alt=''>"
        f"<div><h4>{escape(answer.predicted)}<small>{escape(answer.path)}</small></h4>"
        f"<div class='fl-odds'>{odds}</div></div>{like}</div>"
    )


def table(found: Answers) -> bytes:
    """Return the answers as CSV with one probability per class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "predicted", "probability", *(f"p_{n}" for n in found.names)])
    for one in found.answers:
        values = [f"{one.probabilities[name]:.6f}" for name in found.names]
        writer.writerow(
            [one.path, one.predicted, f"{one.probabilities[one.predicted]:.6f}", *values]
        )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


__all__ = ["Answers", "FewshotLabError", "alike", "draw", "predict", "show", "table"]
