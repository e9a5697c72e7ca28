"""Bringing images into a project."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.arrivals import Arrivals, KnownSources
from fewshot_lab.project.base import CLIPS
from fewshot_lab.project.codes import Codes
from fewshot_lab.project.import_report import ImportReport, left_out
from fewshot_lab.project.kept_images import UPLOADS, take_in
from fewshot_lab.project.quota import check_quota
from fewshot_lab.project.sequences import keep_sequences
from fewshot_lab.project.slides import GRIDS

if TYPE_CHECKING:
    from fewshot_lab.images import ClipSettings, ManifestColumns, Scan, SliceStep, Tiling
    from fewshot_lab.project.training import ProjectCore


def import_images(
    project: ProjectCore,
    source: Path | str | Sequence[Path],
    *,
    reference_labels: str | None = None,
    columns: ManifestColumns | None = None,
    group_field: str | None = None,
    copy: bool = False,
    slice_step: SliceStep | None = None,
    tiling: Tiling | None = None,
    clips: ClipSettings | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Import images; a repeated call with the same source adds only what is new.

    Parameters
    ----------
    project : ProjectCore
    source : path or list of paths
        A folder, a ZIP, a CSV manifest, a MedMNIST ``.npz``, an image, or a list of images.
    reference_labels : "folders" or None
        Take each file's folder name as its reference label.
    columns : ManifestColumns, optional
        For a manifest: which column is what; guessed by default.
    group_field : "PatientID", "StudyInstanceUID" or "SeriesInstanceUID", optional
        The DICOM field that says which images belong together; slices of one series do in any
        case. What is kept is a code of its value (:class:`fewshot_lab.project.codes.Codes`).
    slice_step : SliceStep, optional
        Distance between the imported slices of a volume; all by default.
    copy : bool
        Keep a copy in the project. DICOM files are kept as PNG, without their header; so are
        those of a ZIP, and all that was dropped into the browser is copied. Nothing else that was
        unpacked or dropped stays.
    tiling : Tiling, optional
        How whole slides are cut into tiles; each is an image that is read from its slide.
    clips : ClipSettings, optional
        Which frames of videos, cine loops and animations are taken, and what is blackened in them.

    Raises
    ------
    FewshotLabError
        The source does not exist, holds no image, or does not fit the project's quota.
    Stopped
        ``progress`` raised it; what was read until then stays.
    """
    from fewshot_lab.images import SliceStep, Tiling, VolumeRules, import_roots, scan

    sources = [Path(source)] if isinstance(source, (Path, str)) else list(source)
    look = partial(
        scan,
        columns=columns,
        roots=import_roots(project.folder),
        volumes=VolumeRules(slice_step or SliceStep(), Codes(project.store).of),
        tiling=tiling or Tiling(),
        grids=project.folder / GRIDS,
        clips=clips,
    )
    try:
        check_quota(project, sources, look, copy=copy)
        candidates = look(
            sources if len(sources) > 1 else sources[0],
            reference_labels=reference_labels,
            group_field=group_field,
            extract_to=project.folder / "images",
            clip_folder=project.folder / CLIPS,
            progress=progress,
        )
    except Stopped:
        raise
    except FewshotLabError:  # it will be no better another time
        remove_originals(project, sources)
        raise
    report = import_candidates(
        project,
        candidates,
        copy=copy,
        source=str(source),
        group=group_field or (columns.group if columns is not None else None),
        progress=progress,
    )
    remove_originals(project, sources)
    return report


def import_candidates(
    project: ProjectCore,
    candidates: Scan,
    *,
    copy: bool,
    source: str,
    group: str | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Take in what a scan yields, a batch at a time.

    Parameters
    ----------
    project : ProjectCore
    candidates : Scan
    copy : bool
        Keep copies, of pixels alone.
    source : str
        Where from, for the journal and for what went wrong.
    group : str, optional
        The field or column that is the group.
    progress : Progress

    Raises
    ------
    FewshotLabError
        Where no image came.
    Stopped
    """
    began = time.monotonic()
    report = ImportReport()
    known, arrivals = KnownSources(project), Arrivals(project.store, report)
    try:
        take_in(project, candidates, known, arrivals, copy=copy, progress=progress)
    finally:
        keep_sequences(project, candidates.volumes)
    report.note_volumes(candidates)
    report.known += known.unchanged
    report.ignored = dict(candidates.ignored)
    report.notes = list(candidates.notes)
    moved = _moved(project, report.duplicates)
    report.moved = len({image_id for _, image_id in moved})
    report.duplicates = [each for each in report.duplicates if each not in moved]
    known.fill_in()
    report.filled = known.filled
    project.splits.imported(group)
    report.seconds = time.monotonic() - began
    came = report.added or report.known or report.moved or report.duplicates
    if not (came or report.refused or report.passed_over):
        raise FewshotLabError(f"No image was found in {source}.{left_out(report.ignored)}")
    project.store.note(
        "import", source=source, added=report.added, refused=len(report.refused), copy=copy
    )
    return report


def _moved(project: ProjectCore, duplicates: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the further files of images whose first file has gone."""
    from fewshot_lab.images import pixel_file

    first = {row.id: row.file for row in project.store.images([i for _, i in duplicates])}
    gone = {i for i, file in first.items() if not pixel_file(project.folder / file).exists()}
    return {(path, image_id) for path, image_id in duplicates if image_id in gone}


def remove_originals(project: ProjectCore, sources: Sequence[Path]) -> None:
    """Remove what was dropped or unpacked, but for the files that images are read from."""
    uploads, unpacked = project.folder / UPLOADS, project.folder / "images"
    for source in sources:
        if source.is_relative_to(uploads):
            shutil.rmtree(uploads / source.relative_to(uploads).parts[0], ignore_errors=True)
    folders = [unpacked / source.name for source in sources if source.suffix.lower() == ".zip"]
    folders = [folder for folder in folders if folder.is_dir()]
    if not folders:
        return
    kept = {row.file for row in project.store.files()}
    for folder in folders:
        for where, _, names in os.walk(folder, topdown=False):
            for file in (Path(where, name) for name in names):
                if str(file) not in kept:
                    file.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                Path(where).rmdir()
