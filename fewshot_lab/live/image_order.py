"""The order of a project's images, along which every array of the label page runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageOrder:
    """The images of a project in their order, which only ever grows at its end."""

    ids: list[str]
    row: dict[str, int] = field(repr=False)

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of images; -1 for one that is not there."""
        return np.array([self.row.get(image_id, -1) for image_id in ids], dtype=np.int64)

    def mask(self, ids: Iterable[str]) -> NDArray[np.bool_]:
        """Return which images are among these (n,)."""
        mask = np.zeros(len(self.ids), dtype=bool)
        rows = self.rows(ids)
        mask[rows[rows >= 0]] = True
        return mask
