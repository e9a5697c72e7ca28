"""The original headers of a project's images, read at the moment when they are needed.

A report must name study, series and instance; none of these uids is stored. They are read from the
files that images came from, or asked of the PACS for the studies that somebody names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.images import DICOM_SUFFIXES, PREFIXES, SERIES
from fewshot_lab.pacs.connection import Pacs
from fewshot_lab.pacs.fetching import FOLDER, INSTANCE
from fewshot_lab.pacs.searching import series_of
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import SEQUENCES, Codes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from fewshot_lab.project import ProjectCore

NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
OF_THE_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "SpecificCharacterSet",
)


@dataclass(frozen=True)
class Original:
    """The header of an image's original, without pixels, and which frame of it (from 0)."""

    image_id: str
    header: Dataset
    frame: int


def has_fetched(project: ProjectCore) -> bool:
    """Say whether images came from a PACS: their originals are asked of it."""
    return project.store.has_source(f"%{FOLDER}/{PREFIXES[SERIES]}-%")


def has_originals(project: ProjectCore) -> bool:
    """Say whether images may have come from DICOM: as volumes, or by a file's ending."""
    if any((project.folder / SEQUENCES).glob(f"{PREFIXES[SERIES]}-*")):
        return True
    return any(project.store.has_source(f"%{ending}") for ending in DICOM_SUFFIXES)


def local_originals(
    project: ProjectCore, ids: Sequence[str], progress: Progress = silent
) -> tuple[list[Original], list[str]]:
    """Return the originals that are still where they were imported from, and who has none.

    Parameters
    ----------
    project : ProjectCore
    ids : sequence of str
        Images.
    progress : Progress
        Stage "headers".

    Returns
    -------
    originals : list of Original
    gone : list of str
        Images whose original is no DICOM file, or is not there any more.
    """
    import pydicom

    originals: list[Original] = []
    gone: list[str] = []
    sources = project.store.sources_of(ids)
    for number, image_id in enumerate(ids, 1):
        progress("headers", number, len(ids))
        original = None
        for source, frame in sources.get(image_id, ()):
            if not Path(source).is_file():
                continue
            try:
                header = pydicom.dcmread(source, stop_before_pixels=True)
            except Exception:  # no DICOM, or damaged
                continue
            if all(header.get(name) for name in NEEDED):
                original = Original(image_id, header, frame)
                break
        if original is None:
            gone.append(image_id)
        else:
            originals.append(original)
    return originals, gone


def pacs_originals(
    project: ProjectCore,
    ids: Iterable[str],
    pacs: Pacs,
    studies: Sequence[str],
    progress: Progress = silent,
) -> list[Original]:
    """Return the originals of fetched images, asked of the PACS for some studies.

    Raises
    ------
    PacsError
    """
    code = Codes(project.store).of
    wanted = set(ids)
    by_code: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for image_id, places in project.store.sources_of(sorted(wanted)).items():
        for source, frame in places:
            if Path(source).is_relative_to(project.folder / FOLDER):
                by_code[Path(source).stem].append((frame, image_id))
    originals: list[Original] = []
    for study in studies:
        for series in series_of(pacs, study, progress):
            if not series.has_pictures:
                continue
            for header in pacs.headers(study, series.uid):
                key = code(INSTANCE, str(header.get(INSTANCE) or ""))
                for frame, image_id in by_code.pop(key, ()):
                    if all(header.get(name) for name in NEEDED):
                        originals.append(Original(image_id, header, frame))
    return originals
