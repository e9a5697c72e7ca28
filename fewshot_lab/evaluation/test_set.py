"""The reference test set: images that came with the data to be tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import known_fields

if TYPE_CHECKING:
    from fewshot_lab.store import ImageColumns

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
        return cls(**known_fields(cls, record))

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return asdict(self)


def test_rows(images: ImageColumns, rule: TestRule) -> tuple[NDArray[np.bool_], str]:
    """Return which images are the test set, and by what; "" where there is none.

    A rule that would make all images test images makes none.

    Raises
    ------
    FewshotLabError
        For a rule that can find nothing.
    """
    metas = images.metas
    is_test, by = np.zeros(len(images), dtype=bool), ""
    if rule.kind == "column":
        if not any(rule.column in meta for meta in metas):
            raise FewshotLabError(f"No image has a column {rule.column!r}.")
        is_test = _by_column(metas, rule.column, (rule.value.casefold(),))
        by = f"column {rule.column} = {rule.value}"
    elif rule.kind == "folder":
        is_test, by = _by_folder(images.paths, rule.folder), f"folder {rule.folder}"
    elif rule.kind == "auto":
        names = dict.fromkeys(name for meta in metas for name in meta)
        column = next((name for name in names if name.casefold() in COLUMNS), None)
        if column is not None:
            is_test, by = _by_column(metas, column, VALUES), f"column {column} = test"
        if not is_test.any() or is_test.all():
            is_test, by = _by_folder(images.paths, "test"), "folder test"
        if is_test.all():
            is_test = np.zeros(len(images), dtype=bool)
    elif rule.kind != "none":
        raise FewshotLabError(f"{rule.kind!r} is not a source of a test set: {', '.join(KINDS)}.")
    if len(images) and is_test.all():
        raise FewshotLabError("All images would be test images: none would be left to learn from.")
    return is_test, by if is_test.any() else ""


def _by_column(
    metas: Sequence[Mapping[str, Any]], column: str, values: tuple[str, ...]
) -> NDArray[np.bool_]:
    cells = (str(meta.get(column, "")).strip().casefold() for meta in metas)
    return np.fromiter((value in values for value in cells), dtype=bool, count=len(metas))


def _by_folder(paths: Sequence[str], folder: str) -> NDArray[np.bool_]:
    wanted = folder.strip("/").casefold()
    folders = [path.rpartition("/")[0] for path in paths]
    inside = {each: bool(wanted) and wanted in each.casefold().split("/") for each in set(folders)}
    return np.fromiter(map(inside.__getitem__, folders), dtype=bool, count=len(paths))


test_rows.__test__ = False  # type: ignore[attr-defined]
