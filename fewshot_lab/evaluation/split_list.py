"""Split lists: which image is for training and which for testing, as a CSV says."""

from __future__ import annotations

from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.tables import plain_path, read_columns

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
    found: dict[str, str] = {}
    for line, row in read_columns(file, ("path", "split")):
        path, said = plain_path(row["path"]), row["split"].casefold()
        if said in _LEFT_OUT or not path:
            continue
        if said not in _WORDS:
            raise FewshotLabError(
                f"{file.name}, line {line}: split is {said!r}; it must be train or "
                "test (val is left out)."
            )
        if found.setdefault(path, _WORDS[said]) != _WORDS[said]:
            raise FewshotLabError(f"{file.name} has {path} both as train and as test.")
    return found
