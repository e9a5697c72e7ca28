"""Where a project's images come from: site, scanner or laboratory, by a metadata column."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.embedded import EmbeddedProject

NAMES = ("site", "hospital", "centre", "center", "laboratory", "lab", "scanner", "institution")
"""Columns that are taken for the site where nothing else was chosen."""
MOST = 50
"""Different values up to which a column so named is believed to be one of sites."""


class Sites:
    """The site of each image, where a column says it.

    The labels of other sites then decide whether a classifier may read inner stages of the
    network, which carry scanner and stain (:mod:`fewshot_lab.classifiers.stage_choice`).
    """

    def __init__(self, project: EmbeddedProject, changed: Callable[[], None]) -> None:
        self._project = project
        self._changed = changed

    @property
    def column(self) -> str:
        """The column that was chosen, or one whose name says so; "" where there is none."""
        chosen = self._project.store.get("site_column")
        if chosen is not None:
            return str(chosen)
        for name in self._project.store.columns():
            if name.casefold() in NAMES:
                values = set(self._project.store.column(name).values()) - {""}
                return name if 1 < len(values) <= MOST else ""
        return ""

    def choose(self, column: str | None) -> None:
        """Take sites from a column, "" for none; from one whose name says so, if None.

        Raises
        ------
        FewshotLabError
            If no image has the column.
        """
        columns = self._project.store.columns()
        if column and column not in columns:
            choice = f"there are: {', '.join(columns)}" if columns else "the images have none"
            raise FewshotLabError(f"No image has a column {column!r}; {choice}.")
        self._project.store.set("site_column", column)
        self._changed()

    def of(self, ids: Sequence[str]) -> NDArray[Any] | None:
        """Return the site of each image (n,) of str, "" where none is said; None without sites."""
        if not (column := self.column):
            return None
        site = self._project.store.column(column)
        return np.array([str(site.get(image_id, "")) for image_id in ids])
