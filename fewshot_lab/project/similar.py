"""The images most like one, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.kept_index import KeptIndex
from fewshot_lab.project.remembered import Remembered
from fewshot_lab.project.split_settings import revision

if TYPE_CHECKING:
    from fewshot_lab.project.embedded import EmbeddedProject


class SimilarImages:
    """Compares all images, or asks the index that a large project keeps in its folder."""

    def __init__(self, project: EmbeddedProject) -> None:
        self._project = project
        self._lock = RLock()
        self._large: Remembered[KeptIndex] = Remembered()

    @property
    def kept_index(self) -> KeptIndex:
        """The index in the project's folder; it may have to be built first."""
        project, embeddings = self._project, self._project.require_embeddings()
        folder = project.folder / "indexes" / embeddings.fingerprint
        key = (embeddings.fingerprint, len(embeddings.ids), revision(project.store))
        return self._large.get(
            key, lambda: KeptIndex(folder, embeddings, project.kept_pool.test_ids())
        )

    def build(
        self,
        shard: tuple[int, int] | None = None,
        *,
        codes: bool | None = None,
        progress: Progress = silent,
    ) -> int:
        """Build the index, or a part of it; resumes where it stopped.

        Parameters
        ----------
        shard : (i, n), optional
            Only the i-th of n parts; what the environment says if None, as for embedding. Whoever
            comes last puts the parts together.
        codes : bool, optional
            Codes of 64 bytes in place of whole vectors; where these do not fit into memory if None.

        Returns
        -------
        int
            How many parts are missing still.
        """
        from fewshot_lab.embeddings import part_of_run

        kind: Literal["ivf", "pq"] | None = None if codes is None else "pq" if codes else "ivf"
        return self.kept_index.build(part_of_run(shard), kind=kind, progress=progress)

    def nearest(self, ids: Sequence[str], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k images most like each of some (m, k), themselves included.

        Returns
        -------
        cosines : array (m, k) of float32
            The highest first.
        rows : array (m, k) of int64
            In ``embeddings.ids``; -1 where fewer were found.
        """
        from fewshot_lab.embeddings import EXACT_UP_TO

        project = self._project
        embeddings = project.require_embeddings()
        X, k = embeddings.matrix(ids), min(len(embeddings.ids), k)
        if len(embeddings.ids) > EXACT_UP_TO:
            index = self.kept_index
            with self._lock:
                return index.search(X, k)
        return project.index.search(project.pool.rotate(X), k)

    def neighbours(
        self, image_id: str, k: int, beside: Collection[str] = ()
    ) -> list[tuple[str, float]]:
        """Return the images most like one, but for those beside, with their cosine similarity."""
        ids = self._project.require_embeddings().ids
        similarity, rows = self.nearest([image_id], k + 1 + len(beside))
        nearest = [
            (ids[row], float(s))
            for s, row in zip(similarity[0], rows[0], strict=True)
            if row >= 0 and ids[row] != image_id and ids[row] not in beside
        ]
        return nearest[:k]
