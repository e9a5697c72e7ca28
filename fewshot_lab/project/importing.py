"""Bringing images into a project."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.arrivals import Arrivals, KnownSources
from fewshot_lab.project.import_report import ImportReport, left_out
from fewshot_lab.project.kept_images import UPLOADS, take_in
from fewshot_lab.project.sequences import keep_sequences

if TYPE_CHECKING:
    from fewshot_lab.images import Scan
    from fewshot_lab.project.training import ProjectCore


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
    sources, arrivals = KnownSources(project), Arrivals(project.store, report)
    try:
        take_in(project, candidates, sources, arrivals, copy=copy, progress=progress)
    finally:
        keep_sequences(project, candidates.volumes)
    report.note_volumes(candidates)
    report.known += sources.unchanged
    report.ignored = dict(candidates.ignored)
    report.notes = list(candidates.notes)
    moved = _moved(project, report.duplicates)
    report.moved = len({image_id for _, image_id in moved})
    report.duplicates = [each for each in report.duplicates if each not in moved]
    sources.fill_in()
    report.filled = sources.filled
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
