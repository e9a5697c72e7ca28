"""A PACS by DICOMweb: search, fetch pixels alone, write and send structured reports."""

from fewshot_lab.pacs.connection import Pacs, connect, is_set_up
from fewshot_lab.pacs.fetching import fetch_study
from fewshot_lab.pacs.originals import (
    has_fetched,
    has_originals,
    local_originals,
    pacs_originals,
)
from fewshot_lab.pacs.reports import plan_reports, write_reports
from fewshot_lab.pacs.searching import FoundStudy, search_studies, series_of
