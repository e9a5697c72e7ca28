"""Which images of a project are copies of one another, by their thumbnails."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.embeddings import COPY_SIDE, copies_by_block, describe_picture
from fewshot_lab.files import keep_if_possible, npz_bytes
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.going_on import UNREADABLE, take_steps
from fewshot_lab.project.split_settings import changed

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder

EVERY = 256
PICTURES = 131_072
"""Grey pictures (4 kB each) held in memory while they are compared."""


@dataclass
class _Record:
    """What is known so far.

    Attributes
    ----------
    ids : list (n,) of str
    descriptions : array (at least n, 100), float16
    compared : int
        So many of the images, the first ones, were looked at.
    pairs : list of array (p, 2) of int
        Rows of copies.
    """

    ids: list[str]
    descriptions: NDArray[np.float16]
    compared: int
    pairs: list[NDArray[np.int64]]


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
        with suppress(*UNREADABLE), self._file.open("rb") as stream, np.load(stream) as kept:
            if len(rows := _together([kept["pairs"]])):
                return [(a, b) for a, b in kept["ids"][rows].tolist()]
        return []

    def compare(self, progress: Progress = silent) -> None:
        """Look for copies among the images that have a thumbnail and were not looked at yet.

        What is done is kept every minute and when it is stopped: the next call goes on from there.
        """
        record = self._read()
        known = set(record.ids)
        new = [
            i
            for i in self._project.store.ids()
            if i not in known and self._project.thumbnail_path(i).exists()
        ]
        if not new and record.compared == len(record.ids):
            return
        try:
            take_steps(self._steps(record, new, progress), lambda: self._keep(record))
            self._keep(record)
        finally:
            if any(len(pairs) for pairs in record.pairs[1:]):
                changed(self._project.store)

    def _steps(self, record: _Record, new: list[str], progress: Progress) -> Iterator[None]:
        """Describe the new images, then compare what was not compared; the record is whole."""
        picture = lru_cache(PICTURES)(self._gray)
        room = np.empty((len(new), record.descriptions.shape[1]), np.float16)
        record.descriptions = np.concatenate([record.descriptions, room])
        for start in range(0, len(new), EVERY):
            some = new[start : start + EVERY]
            described = [
                describe_picture(picture(image_id).astype(np.float32)) for image_id in some
            ]
            n = len(record.ids)
            record.descriptions[n : n + len(some)] = described
            record.ids += some
            progress("reading thumbnails", start + len(some), len(new))
            yield
        blocks = copies_by_block(
            lambda row: picture(record.ids[row]).astype(np.float32),
            record.descriptions,
            np.arange(record.compared, len(record.ids)),
            progress,
        )
        for rows, pairs in blocks:
            record.pairs.append(pairs)
            record.compared += rows
            yield

    def _gray(self, image_id: str) -> NDArray[np.uint8]:
        from PIL import Image

        with Image.open(io.BytesIO(self._project.thumbnail(image_id))) as image:
            return np.asarray(image.convert("L").resize((COPY_SIDE,) * 2, Image.Resampling.BOX))

    def _keep(self, record: _Record) -> None:
        content = npz_bytes(
            ids=np.array(record.ids),
            descriptions=record.descriptions[: len(record.ids)],
            compared=record.compared,
            pairs=_together(record.pairs),
        )
        keep_if_possible(self._file, content)

    def _read(self) -> _Record:
        try:
            with self._file.open("rb") as stream, np.load(stream) as kept:
                ids = kept["ids"].tolist()
                # Earlier versions kept a record only once all of it was compared.
                compared = int(kept["compared"]) if "compared" in kept else len(ids)
                return _Record(ids, kept["descriptions"], compared, [kept["pairs"]])
        except UNREADABLE:
            return _Record([], np.empty((0, 100), np.float16), 0, [np.empty((0, 2), np.int64)])


def _together(pairs: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return all pairs once: each is found from both of its sides."""
    return np.unique(np.concatenate(pairs), axis=0)
