"""The form that starts an import."""

import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Tiling, named_dicom
from fewshot_lab.pacs import is_set_up
from fewshot_lab.project import Project
from fewshot_lab.ui import cards, pages, sources, visitor, work
from fewshot_lab.ui.clip_form import ask_clips, clips_at
from fewshot_lab.ui.first_start import is_demo
from fewshot_lab.ui.folder_browser import browse
from fewshot_lab.ui.folders import starting_folders
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import alert, sentences
from fewshot_lab.ui.pacs_form import from_pacs
from fewshot_lab.ui.session import project_named
from fewshot_lab.ui.slide_form import ask_tiling
from fewshot_lab.ui.table_columns import choose_columns, dropped_columns
from fewshot_lab.ui.volume_form import ask_group, ask_slices, slices_at
from fewshot_lab.words import count, plural, size

HERE, DROP, PACS = "Choose a folder", "Drop files", "From the PACS"


def show(project: Project) -> None:
    """Draw the form: where from, how, and the button."""
    # The form leaves the page while an import runs; the next one begins with the same choice.
    turn = st.session_state.setdefault("fl-turn", 0)
    first = st.session_state.setdefault(
        f"fl-where-first-{turn}", st.session_state.get("fl-where-last", HERE)
    )
    where = st.segmented_control(
        "Where are the images?",
        [HERE, DROP, *([PACS] if is_set_up() else ())],
        default=first,
        required=True,
        key=f"fl-where-{turn}",
        label_visibility="collapsed",
    )
    st.session_state["fl-where-last"] = where
    with sentences():
        if where == DROP:
            from_browser(project)
        elif where == PACS:
            from_pacs(project)
        else:
            from_machine(project)


def from_machine(project: Project) -> None:
    """Ask for a path on the machine that runs the app."""
    visitor.require_browsing()
    turn = st.session_state.setdefault("fl-turn", 0)
    key, kept = f"fl-path-{turn}", f"fl-path-kept-{project.name}-{turn}"
    # Streamlit forgets a field with its page; whoever looks at the backbones comes back to it.
    st.session_state.setdefault(key, st.session_state.get(kept, ""))
    typed = st.text_input(
        "Click to the folder with your images, or type its path",
        placeholder=str(starting_folders()[0] / "images") if starting_folders() else "",
        key=key,
        help="Also a ZIP, a table (CSV) with a row for each image, or a MedMNIST .npz. The folder "
        "lies on the machine that runs Fewshot Lab.",
    )
    st.session_state[kept] = typed
    source = None
    if typed.strip():
        try:
            source = sources.look(typed)
            muted(source.sentence)
        except FewshotLabError as error:
            alert(str(error))
    if source is not None or not typed.strip():
        browse(source.path if source is not None else None, key)
    columns = None
    if source is not None and source.kind == "csv":
        columns = choose_columns(source.path)
        if columns is None:
            return
    reference = copy = False
    group: str | None = None
    if source is None or source.kind in ("folder", "zip"):
        reference = ask_reference()
    if source is None or source.kind in ("folder", "csv", "file"):
        copy = st.checkbox(
            "Copy the images into the project",
            key="fl-copy",
            help="Otherwise they stay where they are and must remain there.",
        )
    if source is not None and source.dicom:
        group = ask_group()
    is_local = source is not None and source.kind in ("folder", "file")
    found_clips = clips_at(source.path) if source is not None and is_local else ()
    slices = None
    if source is not None and slices_at(source.path, found_clips):
        slices = ask_slices(project, source.path)
    slides = source.slides if source is not None else ()
    tiling = ask_tiling(project, slides) if slides else Tiling()
    clips = ask_clips(project, found_clips) if found_clips else None
    say_what_follows(project)
    if st.button(
        "Import", type="primary", disabled=source is None or tiling is None, key="fl-import-here"
    ):
        assert source is not None
        start(
            receiving(project, source),
            [source.path.absolute()],
            reference_labels=reference,
            copy=copy,
            group_field=group,
            columns=columns,
            tiling=tiling,
            clips=clips,
            slices=slices,
        )


def from_browser(project: Project) -> None:
    """Take files and folders dropped into the page."""
    turn = st.session_state.setdefault("fl-turn", 0)
    left, right = st.columns(2, gap="medium")
    with left:
        files = st.file_uploader(
            "Drop files here: images, one ZIP, one .npz, or a table (CSV) with its images",
            accept_multiple_files=True,
            key=f"fl-files-{turn}",
        )
    with right:
        folder = st.file_uploader(
            "Or drop a whole folder here, with the folders in it",
            accept_multiple_files="directory",
            key=f"fl-folder-{turn}",
        )
    dropped = [*(files or []), *(folder or [])]
    if dropped:
        total = sum(file.size for file in dropped)
        muted(f"{plural(len(dropped), 'file')}, {size(total)}. They are copied into the project.")
    manifests = [f for f in files or [] if sources.CONTAINERS.get(Path(f.name).suffix) == "csv"]
    columns = None
    if len(manifests) == 1:
        columns = dropped_columns(manifests[0])
        if columns is None:
            return
    reference = ask_reference() if columns is None else False
    holds = named_dicom(file.name for file in dropped) or any(map(packed_dicom, files or []))
    group = ask_group() if columns is None and holds else None
    say_what_follows(project)
    if st.button("Import", type="primary", disabled=not dropped, key="fl-import-drop"):
        project = receiving(project)
        kept = sources.keep_drop(dropped, project.folder)
        start(project, kept, reference_labels=reference, group_field=group, columns=columns)


def packed_dicom(dropped: Any) -> bool:
    """Say whether a dropped ZIP may hold DICOM."""
    if not dropped.name.lower().endswith(".zip"):
        return False
    try:
        with zipfile.ZipFile(dropped) as archive:
            return named_dicom(name for name in archive.namelist() if not name.endswith("/"))
    except (OSError, zipfile.BadZipFile):
        return False
    finally:
        dropped.seek(0)


def ask_reference() -> bool:
    """Ask whether folder names are reference labels."""
    return st.checkbox(
        "Folder names are reference labels",
        key="fl-reference",
        help="They are kept apart from what annotators label: to colour the map and to compare.",
    )


def say_what_follows(project: Project) -> None:
    """Say what happens after the import, and with which backbone."""
    backbone = project.backbone
    n_images = len(project.store.ids())
    also = f" The {count(n_images)} images that are there stay as they are." if n_images else ""
    if apart(project):
        also = " They become a project of their own; the demo stays as it is."
    muted(
        "Then they appear on the map, where images that look alike lie together. The network "
        f"that reads them is the backbone {backbone.card.title}.{also}"
    )
    usable, sentence = backbone.available()
    if sentence:
        alert(sentence) if not usable else st.caption(sentence)
    pages.link("backbone", "Choose another backbone", project.name)


def apart(project: Project) -> bool:
    """Say whether what is imported here becomes a project of its own: nobody's images are cells."""
    return is_demo(project) and visitor.may("create")


def receiving(project: Project, source: sources.Source | None = None) -> Project:
    """Return the project that images go to: for the demo a new one, named after their folder."""
    if not apart(project):
        return project
    title = cards.free_title()
    if source is not None:
        with suppress(FewshotLabError):  # a name without a letter that a folder here may have
            path = source.path
            title = cards.free_title(path.name if source.kind == "folder" else path.stem)
    return project_named(cards.make(title, project.backbone_name))


def start(project: Project, paths: list[Path], **how: Any) -> None:
    """Start the import job and show it; ``how`` as for :func:`sources.import_arguments`."""
    if any(not path.is_relative_to(project.folder) for path in paths):
        visitor.require_browsing()
    st.session_state.pop("fl-clip-of", None)
    work.start(project, "import", *sources.import_arguments(paths, **how))
    st.session_state["fl-turn"] += 1  # the next import begins with an empty form
    pages.go("import", project.name)
