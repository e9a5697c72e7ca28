"""A PACS by DICOMweb: search, fetch pixels alone, write and send structured reports."""

from fewshot_lab.pacs.connection import Pacs, connect, is_set_up
from fewshot_lab.pacs.fetching import FetchReport, fetch_study
from fewshot_lab.pacs.originals import (
    Original,
    has_fetched,
    has_originals,
    local_originals,
    pacs_originals,
)
from fewshot_lab.pacs.reports import ReportsPlan, ReportsWritten, plan_reports, write_reports
from fewshot_lab.pacs.searching import FoundSeries, FoundStudy, search_studies, series_of

__all__ = [
    "FetchReport",
    "FoundSeries",
    "FoundStudy",
    "Original",
    "Pacs",
    "ReportsPlan",
    "ReportsWritten",
    "connect",
    "fetch_study",
    "has_fetched",
    "has_originals",
    "is_set_up",
    "local_originals",
    "pacs_originals",
    "plan_reports",
    "search_studies",
    "series_of",
    "write_reports",
]
