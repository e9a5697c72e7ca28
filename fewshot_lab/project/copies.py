"""Which images of a project are copies of one another, by their thumbnails."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.files import keep_if_possible
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.split_settings import changed

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder

EVERY = 256


class Copies:
    """Pairs of copies, found once for each image whatever the backbone, and kept by image id.

    Parameters
    ----------
    project : ProjectFolder
    """

    def __init__(self, project: ProjectFolder):
        self._project = project
        self._file = project.folder / "splits" / "copies.npz"

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of image ids that were found so far."""
        ids, _, pairs = self._read()
        return [(ids[a], ids[b]) for a, b in pairs.tolist()]

    def compare(self, progress: Progress = silent) -> None:
        """Look for copies among the images that have a thumbnail and were not looked at yet."""
        from fewshot_lab.embeddings import describe_picture, find_copies

        ids, descriptions, pairs = self._read()
        known = set(ids)
        new = [
            i
            for i in self._project.store.ids()
            if i not in known and self._project.thumbnail_path(i).exists()
        ]
        if not new:
            return
        fresh = []
        for done, image_id in enumerate(new, 1):
            fresh.append(describe_picture(self._gray(image_id)))
            if done % EVERY == 0 or done == len(new):
                progress("reading thumbnails", done, len(new))
        rows = np.arange(len(ids), len(ids) + len(new))
        ids, descriptions = [*ids, *new], np.concatenate([descriptions, np.stack(fresh)])
        more = find_copies(lambda row: self._gray(ids[row]), descriptions, rows, progress)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            ids=np.array(ids),
            descriptions=descriptions,
            pairs=np.concatenate([pairs, more]),
        )
        keep_if_possible(self._file, buffer.getvalue())
        if len(more):
            changed(self._project.store)

    def _gray(self, image_id: str) -> NDArray[np.float32]:
        from PIL import Image

        from fewshot_lab.embeddings import COPY_SIDE

        with Image.open(io.BytesIO(self._project.thumbnail(image_id))) as image:
            small = image.convert("L").resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.float32)

    def _read(self) -> tuple[list[str], NDArray[np.float16], NDArray[np.int64]]:
        try:
            with self._file.open("rb") as stream, np.load(stream) as kept:
                return kept["ids"].tolist(), kept["descriptions"], kept["pairs"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return [], np.empty((0, 100), np.float16), np.empty((0, 2), np.int64)
