"""Files that are there whole or not at all; also part of ``predict.py`` (standard library only)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from fewshot_lab.cells import table_encoding, text_cells


@contextmanager
def writing_beside(file: Path) -> Iterator[Path]:
    """Give a place to write at; what was written there takes the file's when it is whole."""
    file = file.absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}.part")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def writing_table(
    file: Path, columns: Iterable[str]
) -> Iterator[Callable[[Iterable[Any]], object]]:
    """Give what writes one row of a CSV, whose cells no spreadsheet computes."""
    encoding = table_encoding()
    with writing_beside(file) as beside, beside.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield lambda row: writer.writerow(text_cells(row))
