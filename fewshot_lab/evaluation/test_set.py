"""The reference test set: images that came with the data to be tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.group_rules import Row

KINDS = ("auto", "column", "folder", "none")
COLUMNS = ("split", "set", "subset", "partition")
VALUES = ("test", "testing", "test set", "held-out", "holdout")


@dataclass(frozen=True)
class TestRule:
    """Which images are the reference test set.

    Attributes
    ----------
    kind : {"auto", "column", "folder", "none"}
        "auto" takes a column named split, set, subset or partition where some images say "test"
        there, else a folder named "test".
    column, value : str
        For "column": the column, and what it says of a test image.
    folder : str
        For "folder": any folder of this name on the way to an image.
    """

    __test__ = False  # no test of pytest's

    kind: str = "auto"
    column: str = ""
    value: str = "test"
    folder: str = ""

    @classmethod
    def from_dict(cls, record: Mapping[str, Any] | None) -> TestRule:
        """Read what :meth:`to_dict` returned; None is the rule of a new project."""
        record = record or {}
        return cls(
            str(record.get("kind", "auto")),
            str(record.get("column", "")),
            str(record.get("value", "test")),
            str(record.get("folder", "")),
        )

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return {
            "kind": self.kind,
            "column": self.column,
            "value": self.value,
            "folder": self.folder,
        }


def test_rows(rows: Sequence[Row], rule: TestRule) -> tuple[NDArray[np.bool_], str]:
    """Return which images are the test set, and by what; "" where there is none.

    A rule that would make all images test images makes none.

    Raises
    ------
    FewshotLabError
        For a rule that can find nothing.
    """
    is_test, by = np.zeros(len(rows), dtype=bool), ""
    if rule.kind == "column":
        if not any(rule.column in row.meta for row in rows):
            raise FewshotLabError(f"No image has a column {rule.column!r}.")
        is_test = _by_column(rows, rule.column, (rule.value.casefold(),))
        by = f"column {rule.column} = {rule.value}"
    elif rule.kind == "folder":
        is_test, by = _by_folder(rows, rule.folder), f"folder {rule.folder}"
    elif rule.kind == "auto":
        names = dict.fromkeys(name for row in rows for name in row.meta)
        column = next((name for name in names if name.casefold() in COLUMNS), None)
        if column is not None:
            is_test, by = _by_column(rows, column, VALUES), f"column {column} = test"
        if not is_test.any() or is_test.all():
            is_test, by = _by_folder(rows, "test"), "folder test"
        if is_test.all():
            is_test = np.zeros(len(rows), dtype=bool)
    elif rule.kind != "none":
        raise FewshotLabError(f"{rule.kind!r} is not a source of a test set: {', '.join(KINDS)}.")
    if len(rows) and is_test.all():
        raise FewshotLabError("All images would be test images: none would be left to learn from.")
    return is_test, by if is_test.any() else ""


def _by_column(rows: Sequence[Row], column: str, values: tuple[str, ...]) -> NDArray[np.bool_]:
    cells = (str(row.meta.get(column, "")).strip().casefold() for row in rows)
    return np.fromiter((value in values for value in cells), dtype=bool, count=len(rows))


def _by_folder(rows: Sequence[Row], folder: str) -> NDArray[np.bool_]:
    wanted = folder.strip("/").casefold()
    is_inside = (
        wanted in (part.casefold() for part in PurePosixPath(row.path).parts[:-1]) for row in rows
    )
    return np.fromiter(is_inside, dtype=bool, count=len(rows))


test_rows.__test__ = False  # type: ignore[attr-defined]
