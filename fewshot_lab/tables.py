"""CSV files as people save them: one reader for manifests, labels, splits, costs and sites.

The text may be UTF-8 (with or without BOM), UTF-16 with BOM, or Windows/Latin-1; commas,
semicolons, tabs and bars may separate: a spreadsheet writes what its country uses. Columns are
known by their names in any case.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from fewshot_lab.cells import stored_text
from fewshot_lab.errors import FewshotLabError, as_sentence

_DELIMITERS = ",;\t|"

# What people call these columns, the likeliest first.
COLUMN_NAMES = {
    "path": [
        "path",
        "file",
        "filename",
        "filepath",
        "imagepath",
        "imagefile",
        "imagefilename",
        "image",
        "img",
        "picture",
        "imageid",
        "name",
        "id",
        "isicid",
    ],
    "label": [
        "label",
        "class",
        "classname",
        "target",
        "diagnosis",
        "diagnose",
        "dx",
        "category",
        "celltype",
        "type",
        "y",
        "reference",
        "groundtruth",
        "klasse",
        "befund",
    ],
    "group": [
        "patient",
        "patientid",
        "subject",
        "subjectid",
        "case",
        "caseid",
        "group",
        "groupid",
        "slide",
        "slideid",
        "study",
        "studyid",
        "studyinstanceuid",
        "lesionid",
        "video",
        "videoid",
        "donor",
        "donorid",
    ],
}


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV, the first too, each with the number of its line.

    Cells are as they stand there, spaces at their ends too: a file's name may begin with one.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, or is no sound CSV.
    """
    with as_sentence(f"{path} cannot be read"):
        text = _decoded(path.read_bytes())
    if "\0" in text[:4096]:
        raise FewshotLabError(f"{path.name} is not a CSV with a header line.")
    # Not splitlines(): a name may hold what only Unicode calls the end of a line.
    lines = io.StringIO(text, newline="").readlines()
    skipped = 0
    delimiter = None
    if lines and (named := re.fullmatch(r'"?sep=(.)"?\s*', lines[0])):  # for a spreadsheet's eyes
        delimiter, skipped = named[1], 1
    first = next((line for line in lines[skipped:] if line.strip()), "")
    rows = []
    line = skipped  # the last of the rows read
    try:
        delimiter = delimiter or max(
            _DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), []))
        )
        # Strict: a quotation mark that nothing closes would make one cell of all that follows.
        reader = csv.reader(lines[skipped:], delimiter=delimiter, strict=True)
        for row in reader:
            line = reader.line_num + skipped
            if any(cell.strip() for cell in row):
                rows.append((line, [stored_text(cell) for cell in row]))
    except csv.Error:  # one that is never closed may also grow too large for a cell
        raise FewshotLabError(
            f"{path.name}: a quotation mark is out of place in the row that begins in line "
            f"{line + 1}. Close it, or write two of them where one is meant."
        ) from None
    return rows


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    return raw.decode("latin-1")


def read_columns(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return some columns of a CSV whose first line names them, each row with its line's number.

    Cells are stripped, but for those of ``path``, for which there are :func:`spellings`.

    Raises
    ------
    FewshotLabError
        As :func:`read_rows`, and where a column is lacking.
    """
    rows = read_rows(path)
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    at = {name: find_column(header, name) for name in columns}
    missing = sorted(name for name, place in at.items() if place is None)
    if missing:
        raise FewshotLabError(
            f"{path} has no column {' and '.join(missing)}; its first line must name the "
            f"columns {' and '.join(columns)}."
        )

    def cell(row: list[str], name: str) -> str:
        place = at[name]
        text = row[place] if place is not None and place < len(row) else ""
        return text if name == "path" else text.strip()

    return [(line, {name: cell(row, name) for name in columns}) for line, row in rows[1:]]


def find_column(header: Sequence[str], name: str) -> int | None:
    """Return the place of a column: by its very name, in any case, else by a usual name for it."""
    if name in header:
        return header.index(name)
    known = [_letters(name), *COLUMN_NAMES.get(name, ())]
    ranks = [known.index(_letters(each)) if _letters(each) in known else None for each in header]
    best = min((rank for rank in ranks if rank is not None), default=None)
    return None if best is None else ranks.index(best)


def column_rank(name: str, kind: str) -> int:
    """Return how usual a name is for the column "path", "label" or "group"; 0 is the likeliest."""
    known = COLUMN_NAMES[kind]
    return known.index(_letters(name)) if _letters(name) in known else len(known)


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[\W_]|[\u0300-\u036f]", "", plain)


def spellings(path: str) -> list[str]:
    """Return what a path in a table may mean, the likeliest first: a name may begin with a space.

    See :func:`plain_path`.
    """
    ways = [_slashes(path), plain_path(path), path, path.strip()]
    return list(dict.fromkeys(ways))


def plain_path(path: str) -> str:
    """Return a path with "/" for Windows's separator, without "./" before it or spaces around."""
    return _slashes(path.strip())


def _slashes(path: str) -> str:
    return re.sub(r"^(\./)+", "", path.replace("\\", "/"))
