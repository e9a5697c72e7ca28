"""The images most like each image of a project, as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.errors import as_sentence
from fewshot_lab.progress import Progress, silent
from fewshot_lab.whole_files import writing_table

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore

COLUMNS = ("image", "path", "rank", "neighbour", "neighbour_path", "similarity")
_AT_ONCE = 256


def write_neighbours(
    project: ProjectCore,
    out: Path,
    k: int,
    *,
    part: tuple[int, int] = (0, 1),
    progress: Progress = silent,
) -> int:
    """Write a row for each image and each of its neighbours.

    Parameters
    ----------
    project : ProjectCore
    out : Path
        Whole or not there.
    k : int
        Neighbours of each image.
    part : (i, n)
        Only the i-th of n parts of the images.

    Returns
    -------
    int
        How many images have rows.

    Raises
    ------
    FewshotLabError
        Where nothing is embedded, or ``out`` cannot be written.
    """
    ids = project.require_embeddings().ids
    i, parts = part
    bounds = np.linspace(0, len(ids), parts + 1).astype(int)
    ids_of_part = ids[bounds[i] : bounds[i + 1]]
    with as_sentence(f"{out} cannot be written"), writing_table(out, COLUMNS) as write:
        for start in range(0, len(ids_of_part), _AT_ONCE):
            some = ids_of_part[start : start + _AT_ONCE]
            for row in _rows(project, ids, some, k):
                write(row)
            progress("neighbours", start + len(some), len(ids_of_part))
    return len(ids_of_part)


def _rows(project: ProjectCore, ids: list[str], some: list[str], k: int) -> list[list[str]]:
    cosines, rows = project.similar.nearest(some, k + 1)
    named = {ids[row] for row in np.unique(rows) if row >= 0} | set(some)
    path = {row.id: row.path for row in project.store.images(sorted(named))}
    out = []
    for image_id, near, similar in zip(some, rows.tolist(), cosines.tolist(), strict=True):
        others = [(ids[r], s) for r, s in zip(near, similar, strict=True) if r >= 0]
        others = [(other, s) for other, s in others if other != image_id][:k]
        out += [
            [image_id, path.get(image_id, ""), str(at), other, path.get(other, ""), f"{s:.4f}"]
            for at, (other, s) in enumerate(others, start=1)
        ]
    return out
