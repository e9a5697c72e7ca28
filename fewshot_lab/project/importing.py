"""Bringing images into a project."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.arrivals import Arrivals, KnownSources
from fewshot_lab.project.base import CLIPS
from fewshot_lab.project.codes import Codes
from fewshot_lab.project.import_report import ImportReport, left_out
from fewshot_lab.project.quota import check_quota
from fewshot_lab.project.sequences import keep_sequences
from fewshot_lab.project.slides import GRIDS
from fewshot_lab.store import NewImage

if TYPE_CHECKING:
    from fewshot_lab.images import (
        Candidate,
        ClipSettings,
        ExaminedImage,
        ManifestColumns,
        Refused,
        SliceStep,
        Tiling,
    )
    from fewshot_lab.project.training import ProjectCore

PERSONAL = {"dicom", "nifti"}
"""Kinds of files whose header may name the patient."""
UPLOADS = "uploads"
"""Folder of a project for what was dropped into the browser, until it has been imported."""


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
    """Bring in images; again with the same source, only what is new.

    Parameters
    ----------
    project : ProjectCore
    source : path or list of paths
        A folder, a ZIP, a CSV manifest, a MedMNIST ``.npz``, an image, or a list of images.
    reference_labels : "folders" or None
        Take each file's folder name as its reference label.
    columns : ManifestColumns, optional
        For a manifest: which column is what; guessed where it is not given.
    group_field : "PatientID", "StudyInstanceUID" or "SeriesInstanceUID", optional
        The DICOM field that says which images belong together; slices of one series do in any
        case. What is kept is a code of its value (:class:`fewshot_lab.project.codes.Codes`).
    slice_step : SliceStep, optional
        How far the imported slices of a volume lie apart; all are imported by default.
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
        Where the source does not exist or holds no image, or the project's quota has no room for
        all of it.
    Stopped
        Where ``progress`` raised it; what was read until then stays.
    """
    from fewshot_lab.images import (
        SliceStep,
        Tiling,
        VolumeRules,
        import_roots,
        scan,
    )

    began = time.monotonic()
    tiling = tiling or Tiling()
    report = ImportReport()
    known, arrivals = KnownSources(project), Arrivals(project.store, report)
    sources = [Path(source)] if isinstance(source, (Path, str)) else list(source)
    roots = import_roots(project.folder)
    rules = VolumeRules(slice_step or SliceStep(), Codes(project.store).of)
    try:
        check_quota(project, sources, columns, roots, rules, tiling, copy=copy)
        candidates = scan(
            sources if len(sources) > 1 else sources[0],
            reference_labels=reference_labels,
            columns=columns,
            group_field=group_field,
            roots=roots,
            extract_to=project.folder / "images",
            volumes=rules,
            progress=progress,
            tiling=tiling,
            grids=project.folder / GRIDS,
            clips=clips,
            clip_folder=project.folder / CLIPS,
        )
    except Stopped:
        raise
    except FewshotLabError:  # it will be no better another time
        _remove_originals(project, sources)
        raise
    try:
        take_in(project, candidates, known, arrivals, copy=copy, progress=progress)
    finally:
        keep_sequences(project, candidates.volumes)
    report.note_volumes(candidates)
    _remove_originals(project, sources)
    report.known += known.unchanged
    report.ignored = dict(candidates.ignored)
    report.notes = list(candidates.notes)
    moved = _moved(project, report.duplicates)
    report.moved = len({image_id for _, image_id in moved})
    report.duplicates = [each for each in report.duplicates if each not in moved]
    report.filled = project.store.fill_in(known.facts) if known.facts else 0
    project.splits.imported(group_field or (columns.group if columns is not None else None))
    report.seconds = time.monotonic() - began
    came = report.added or report.known or report.moved or report.duplicates
    if not (came or report.refused or report.passed_over):
        raise FewshotLabError(f"No image was found in {source}.{left_out(report.ignored)}")
    project.store.note(
        "import",
        source=str(source),
        added=report.added,
        refused=len(report.refused),
        copy=copy,
    )
    return report


def take_in(
    project: ProjectCore,
    candidates: Iterable[Candidate | Refused],
    known: KnownSources,
    arrivals: Arrivals,
    *,
    copy: bool,
    progress: Progress,
) -> None:
    """Read candidates and store them, a batch at a time; what was read until a stop stays."""
    from fewshot_lab.images import ExaminedImage, PassedOver, examine

    try:
        for item in examine(candidates, skip=known.skip, progress=progress):
            if isinstance(item, ExaminedImage):
                arrivals.add(_take_in(project, item, copy=copy))
            elif isinstance(item, PassedOver):
                arrivals.pass_over(item)
            else:
                arrivals.refuse(item)
            arrivals.store_in_time()
    finally:
        arrivals.store()


def _moved(project: ProjectCore, duplicates: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the further files of images whose first file has gone."""
    from fewshot_lab.images import pixel_file

    first = {row.id: row.file for row in project.store.images([i for _, i in duplicates])}
    gone = {i for i, file in first.items() if not pixel_file(project.folder / file).exists()}
    return {(path, image_id) for path, image_id in duplicates if image_id in gone}


def _take_in(project: ProjectCore, image: ExaminedImage, *, copy: bool) -> NewImage:
    """Store the thumbnail, and the copy if one is wanted; return the row to add."""
    candidate = image.candidate
    thumbnail = project.thumbnail_path(image.id)
    if not thumbnail.exists():
        write_atomically(thumbnail, image.thumbnail)
    file, frame = project.stored(candidate.file), candidate.frame
    if _needs_copy(project, candidate.file, copy=copy):
        file, frame = _keep_copy(project, image.id, candidate.file, candidate.frame)
    return NewImage(
        id=image.id,
        path=candidate.path,
        file=file,
        frame=frame,
        width=image.width,
        height=image.height,
        bytes=image.bytes,
        mtime_ns=image.mtime_ns,
        reference=candidate.reference,
        group=candidate.group,
        meta=dict(candidate.meta),
        source=project.stored(candidate.file),
        source_frame=candidate.frame,
    )


def _needs_copy(project: ProjectCore, file: Path, *, copy: bool) -> bool:
    """Say whether an image is kept apart from the file it was read from."""
    from fewshot_lab.images import is_reference, kind_of, pixel_file, pixels_only

    if is_reference(file):
        return copy or pixel_file(file).is_relative_to(project.folder)
    if not file.is_relative_to(project.folder):
        return copy
    # What was dropped is removed. Of other files that came in only pixels stay: a scanner's file
    # may name its patient, and a photograph's tags say where and by whom it was taken.
    if file.is_relative_to(project.folder / UPLOADS) or kind_of(file) in PERSONAL:
        return True
    return pixels_only(file) != file.read_bytes()


def _remove_originals(project: ProjectCore, sources: Sequence[Path]) -> None:
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


def _keep_copy(project: ProjectCore, image_id: str, file: Path, frame: int) -> tuple[str, int]:
    data, suffix = _nameless(file, frame)
    kept = Path("images") / "copies" / image_id[:2] / f"{image_id}{suffix}"
    target = project.folder / kept
    if not target.exists():
        write_atomically(target, data)
    return str(kept), 0


def _nameless(file: Path, frame: int) -> tuple[bytes, str]:
    """Return a picture without what was written beside it, and its file's ending.

    Values of more than 8 bits are kept where that can be: windows show other parts of them.
    """
    from fewshot_lab.images import (
        count_frames,
        dicom_values_only,
        is_reference,
        kind_of,
        pixels_only,
        read_grey_values,
        read_rgb,
    )

    kind = "" if is_reference(file) else kind_of(file)
    if kind and (data := pixels_only(file)) is not None:
        return data, file.suffix.lower()
    if kind in ("tiff", "dicom") and read_grey_values(file, frame) is not None:
        if kind == "tiff" and count_frames(file) == 1:
            return file.read_bytes(), file.suffix.lower()
        if kind == "dicom" and (data := dicom_values_only(file, frame)) is not None:
            return data, ".dcm"
    buffer = io.BytesIO()
    read_rgb(file, frame).save(buffer, "PNG")
    return buffer.getvalue(), ".png"
