"""Split lists: which image is for training and which for testing, as a CSV says."""

from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.tables import plain_path, read_columns

_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_LEFT_OUT = {"val", "valid", "validation", "dev", ""}


def read_split(file: Path) -> dict[str, str]:
    """Return "train" or "test" for each path of a CSV with the columns ``path`` and ``split``.

    Validation images are left out. Commas, semicolons and tabs may separate.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, lacks a column, says something else, or contradicts itself.
    """
    side_by_path: dict[str, str] = {}
    for line, row in read_columns(file, ("path", "split")):
        path, side = plain_path(row["path"]), row["split"].casefold()
        if side in _LEFT_OUT or not path:
            continue
        if side not in _WORDS:
            raise FewshotLabError(
                f"{file.name}, line {line}: split is {side!r}; it must be train or "
                "test (val is left out)."
            )
        if side_by_path.setdefault(path, _WORDS[side]) != _WORDS[side]:
            raise FewshotLabError(f"{file.name} has {path} both as train and as test.")
    return side_by_path
