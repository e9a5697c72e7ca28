"""Split lists: which image is for training and which for testing, as a CSV says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from fewshot_lab.errors import FewshotLabError

_WORDS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
}
_LEFT_OUT = {"val", "valid", "validation", "dev", ""}


def read_split(file: Path) -> dict[str, str]:
    """Return "train" or "test" for each path of a CSV with the columns ``path`` and ``split``.

    Validation images are left out. Commas, semicolons and tabs may separate.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, lacks a column, says something else, or contradicts itself.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FewshotLabError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise FewshotLabError(f"{file} is not UTF-8 text; save it as a CSV in UTF-8.") from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = {"path", "split"} - set(reader.fieldnames or ())
    if missing:
        raise FewshotLabError(
            f"{file.name} has no column {' and '.join(sorted(missing))}; its first line must "
            "name the columns path and split."
        )
    found: dict[str, str] = {}
    for row in reader:
        path, said = (row["path"] or "").strip(), (row["split"] or "").strip().casefold()
        if said in _LEFT_OUT or not path:
            continue
        if said not in _WORDS:
            raise FewshotLabError(
                f"{file.name}, line {reader.line_num}: split is {said!r}; it must be train or "
                "test (val is left out)."
            )
        if found.setdefault(path, _WORDS[said]) != _WORDS[said]:
            raise FewshotLabError(f"{file.name} has {path} both as train and as test.")
    return found
