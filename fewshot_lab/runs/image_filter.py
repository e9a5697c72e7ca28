"""Which of the projects' images a run learns from: those with certain values in one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import did_you_mean, first_few

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore

ImageFilter = tuple[str, set[str]]
"""A column (group, reference label, or one of the metadata) and the values that are wanted."""

_GROUP, _REFERENCE = "group", "reference label"
_MOST_VALUES = 200
_NAMED = 8


def filter_columns(projects: Sequence[ProjectCore]) -> dict[str, list[str]]:
    """Return the columns by which images can be chosen, with their values."""
    return {c: v for c, v in _all_columns(projects).items() if 1 < len(v) <= _MOST_VALUES}


def parse_filter(projects: Sequence[ProjectCore], conditions: Sequence[str]) -> ImageFilter | None:
    """Read a filter as it is written at a terminal.

    Parameters
    ----------
    conditions
        ``COLUMN=VALUE``, all of one column; an image with any of the values is wanted.

    Returns
    -------
    tuple or None
        None where nothing is asked: all images.

    Raises
    ------
    FewshotLabError
        For a column or a value that no image has, or more than one column.
    """
    if not conditions:
        return None
    columns = _all_columns(projects)
    pairs = [_pair(each, columns) for each in conditions]
    names = sorted({column for column, _ in pairs})
    if len(names) > 1:
        raise FewshotLabError(
            f"Images are chosen by one column, and {' and '.join(names)} are asked for."
        )
    column = names[0]
    values = {value for _, value in pairs}
    for value in sorted(values - set(columns[column])):
        raise FewshotLabError(f"No image has the {column} {value!r}{_hint(value, columns[column])}")
    return column, values


def _pair(condition: str, columns: dict[str, list[str]]) -> tuple[str, str]:
    # A column's name may hold an equals sign, so the longest that fits is meant.
    for column in sorted(columns, key=len, reverse=True):
        if condition.startswith(f"{column}="):
            return column, condition.removeprefix(f"{column}=").strip()
    column, sign, _ = condition.partition("=")
    if not sign:
        raise FewshotLabError(f"A filter is written COLUMN=VALUE, and {condition!r} has no '='.")
    raise FewshotLabError(f"The images have no column {column!r}{_hint(column, columns)}")


def _hint(wanted: str, there: Sequence[str] | dict[str, list[str]]) -> str:
    are = "is" if len(there) == 1 else "are"
    all_there = f": there {are} {first_few(list(there), _NAMED)}." if there else "."
    return did_you_mean(wanted, there, all_there, cutoff=0.6)


def cells_of(row: Any) -> dict[str, str]:
    """Return what an image's row says in each column."""
    cells = {str(k): str(v) for k, v in (row.meta or {}).items() if v not in (None, "")}
    if row.group is not None:
        cells[_GROUP] = row.group
    if row.reference is not None:
        cells[_REFERENCE] = row.reference
    return cells


def _all_columns(projects: Sequence[ProjectCore]) -> dict[str, list[str]]:
    columns: dict[str, set[str]] = {}
    for project in projects:
        for row in project.store.images():
            for column, value in cells_of(row).items():
                columns.setdefault(column, set()).add(value)
    return {column: sorted(values) for column, values in columns.items()}
