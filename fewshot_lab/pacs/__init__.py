"""A PACS by DICOMweb: search, fetch pixels alone, write and send structured reports."""

from fewshot_lab.pacs.connection import Pacs, connect, is_set_up
from fewshot_lab.pacs.fetching import FetchReport, fetch_study
from fewshot_lab.pacs.originals import Original, local_originals, pacs_originals
from fewshot_lab.pacs.reports import ReportsWritten, write_reports
from fewshot_lab.pacs.searching import FoundSeries, FoundStudy, search_studies, series_of

__all__ = [
    "FetchReport",
    "FoundSeries",
    "FoundStudy",
    "Original",
    "Pacs",
    "ReportsWritten",
    "connect",
    "fetch_study",
    "is_set_up",
    "local_originals",
    "pacs_originals",
    "search_studies",
    "series_of",
    "write_reports",
]
