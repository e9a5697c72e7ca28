"""Images as they are kept: their thumbnail, and a copy with pixels alone where one is wanted."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress
from fewshot_lab.project.arrivals import Arrivals, KnownSources
from fewshot_lab.store import NewImage

if TYPE_CHECKING:
    from fewshot_lab.images import Candidate, ExaminedImage, Refused
    from fewshot_lab.project.training import ProjectCore

PERSONAL = {"dicom", "nifti"}
"""Kinds of files whose header may name the patient."""
UPLOADS = "uploads"
"""Folder of a project for what was dropped into the browser, until it has been imported."""


def take_in(
    project: ProjectCore,
    candidates: Iterable[Candidate | Refused],
    sources: KnownSources,
    arrivals: Arrivals,
    *,
    copy: bool,
    progress: Progress,
) -> None:
    """Read candidates and store them, a batch at a time; what was read until a stop stays."""
    from fewshot_lab.images import ExaminedImage, PassedOver, examine

    try:
        for item in examine(candidates, skip=sources.skip, progress=progress):
            if isinstance(item, ExaminedImage):
                arrivals.add(_take_in(project, item, copy=copy))
            elif isinstance(item, PassedOver):
                arrivals.pass_over(item)
            else:
                arrivals.refuse(item)
            arrivals.store_in_time()
    finally:
        arrivals.store()


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
    )

    kind = "" if is_reference(file) else kind_of(file)
    if kind and (data := pixels_only(file)) is not None:
        return data, file.suffix.lower()
    if kind in ("tiff", "dicom") and read_grey_values(file, frame) is not None:
        if kind == "tiff" and count_frames(file) == 1:
            return file.read_bytes(), file.suffix.lower()
        if kind == "dicom" and (data := dicom_values_only(file, frame)) is not None:
            return data, ".dcm"
    return png_of(file, frame), ".png"


def png_of(file: Path, frame: int) -> bytes:
    """Return a picture as the PNG that a copy of it is; raise :class:`UnreadableImage`."""
    from fewshot_lab.images import read_rgb

    buffer = io.BytesIO()
    read_rgb(file, frame).save(buffer, "PNG")
    return buffer.getvalue()
