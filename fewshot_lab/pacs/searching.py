"""What a PACS holds: studies by what is known of them, series of a study; page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fewshot_lab.pacs.connection import PAGE, Pacs
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_STUDIES = 200
"""So many are listed; a search that finds more is to be narrowed."""
NO_IMAGES = {"SR", "PR", "KO", "SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "DOC", "AU", "ECG"}
"""Modalities whose instances are no pictures."""


@dataclass(frozen=True)
class FoundStudy:
    """A study, as it is shown to whoever searches; nothing of it is stored."""

    uid: str
    patient: str
    date: str
    description: str
    modalities: str
    series: int
    images: int


@dataclass(frozen=True)
class FoundSeries:
    """A series of a study."""

    uid: str
    modality: str
    description: str
    images: int

    @property
    def has_pictures(self) -> bool:
        """Whether its instances may be pictures."""
        return self.modality not in NO_IMAGES


def search_studies(
    pacs: Pacs,
    *,
    patient: str = "",
    accession: str = "",
    date: str = "",
    modality: str = "",
    most: int | None = MOST_STUDIES,
) -> tuple[list[FoundStudy], bool]:
    """Return studies that match all that is given, and whether there are more than are listed.

    Parameters
    ----------
    pacs : Pacs
    patient : str
        The patient's id.
    accession : str
        The accession number.
    date : str
        Of the study, or a range: "20260101", "20260101-20260131".
    modality : str
    most : int, optional
        So many at most; None for all.

    Raises
    ------
    PacsError
    """
    given = {
        "PatientID": patient,
        "AccessionNumber": accession,
        "StudyDate": date,
        "ModalitiesInStudy": modality,
    }
    filters = {name: value for name, value in given.items() if value}
    rows = _all(lambda offset: pacs.page_of_studies(filters, offset), "StudyInstanceUID", most)
    studies = [
        FoundStudy(
            uid=str(row.StudyInstanceUID),
            patient=f"{row.get('PatientName') or ''} {row.get('PatientID') or ''}".strip(),
            date=str(row.get("StudyDate") or ""),
            description=str(row.get("StudyDescription") or ""),
            modalities=_joined(row.get("ModalitiesInStudy")),
            series=int(row.get("NumberOfStudyRelatedSeries") or 0),
            images=int(row.get("NumberOfStudyRelatedInstances") or 0),
        )
        for row in rows[:most]
    ]
    return studies, most is not None and len(rows) > most


def series_of(pacs: Pacs, study: str, progress: Progress = silent) -> list[FoundSeries]:
    """Return the series of a study, however many: page by page, told as stage "counting".

    Raises
    ------
    PacsError
    """
    rows = _all(lambda at: pacs.page_of_series(study, at), "SeriesInstanceUID", None, progress)
    return [
        FoundSeries(
            uid=str(row.SeriesInstanceUID),
            modality=str(row.get("Modality") or ""),
            description=str(row.get("SeriesDescription") or ""),
            images=int(row.get("NumberOfSeriesRelatedInstances") or 0),
        )
        for row in rows
    ]


def _all(
    page: Callable[[int], list[Dataset]],
    key: str,
    most: int | None,
    progress: Progress = silent,
) -> list[Dataset]:
    """Return all pages; of a PACS that knows no pages, the one that holds all."""
    rows: dict[str, Dataset] = {}
    offset = 0
    while most is None or len(rows) <= most:
        page_rows = [row for row in page(offset) if row.get(key)]
        new = {str(row.get(key)): row for row in page_rows}
        if not new.keys() - rows.keys():
            break
        rows |= new
        offset += len(page_rows)
        progress("counting", len(rows), None)
        if len(page_rows) != PAGE:  # fewer: the last; more: it does not page
            break
    return list(rows.values())


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value or ()))
