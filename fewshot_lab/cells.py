"""CSV files as a spreadsheet opens them: cells that it does not compute, letters as they are."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")


CSV_MARK = "FEWSHOT_LAB_CSV_BOM"
"""Environment variable: 0 leaves out the mark at the beginning of CSV files."""


def table_encoding() -> str:
    """Return the encoding of CSV files: UTF-8 with the mark that spreadsheets know it by."""
    return "utf-8" if os.environ.get(CSV_MARK) == "0" else "utf-8-sig"


def text_cells(row: Iterable[Any]) -> list[Any]:
    """Return the cells of a row, an apostrophe before each text that would be a formula."""
    return [_text_cell(value) for value in row]


def text_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row by its columns, as :func:`text_cells` does."""
    return {name: _text_cell(value) for name, value in row.items()}


def csv_bytes(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    """Return a table as CSV whose cells no spreadsheet computes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(text_cells, rows))
    return text.getvalue().encode(table_encoding())


def stored_text(cell: str) -> str:
    """Return what a cell said before :func:`text_cells` put an apostrophe there."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell


def _text_cell(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip("'").startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
