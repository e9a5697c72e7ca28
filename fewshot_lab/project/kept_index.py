"""The index of a project too large to compare every image: in its folder, and added to."""

from __future__ import annotations

import zlib
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import BadZipFile

import numpy as np
import psutil
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, Reduction, evenly_spread
from fewshot_lab.embeddings import StoredIndex, alone, build_part
from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.embeddings import Embeddings

SAMPLE = 65_536
"""Images from which the axes are learnt."""

OUTGROWN = 2.0
"""Images for each of those that it was built of, from which on it is built anew."""

MEMORY_SHARE = 0.25
"""Share of the machine's memory up to which whole vectors are held."""


class KeptIndex:
    """Opens the index, adds images that have come, and builds it where there is none.

    Its axes are learnt once, from a sample: images that come later do not turn them.

    Parameters
    ----------
    folder : Path
        Where it lies.
    embeddings : Embeddings
    apart : set of str
        Images that nothing may be learnt from.
    """

    def __init__(self, folder: Path, embeddings: Embeddings, apart: Set[str]) -> None:
        self._folder = folder
        self._ids = embeddings.ids
        self._embeddings = embeddings
        self._apart = apart
        self._reduction: tuple[Reduction, int] | None = None
        self._index: StoredIndex | None = None

    def search(self, X: NDArray[Any], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return rows and cosines of the images most like some embeddings (m, d)."""
        index = self.index
        return index.search(self.reduction(X), k, self.vectors)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what is compared of some rows."""
        return self.reduction(self._embeddings.vectors()[rows])

    @property
    def reduction(self) -> Reduction:
        """How embeddings become what is compared; learnt where it is not there yet."""
        return self._learnt()[0]

    def _learnt(self) -> tuple[Reduction, int]:
        """Return the reduction and its checksum."""
        if self._reduction is None:
            # One for each choice of what must not be learnt from.
            apart = zlib.crc32("\n".join(sorted(self._apart)).encode())
            file = self._folder / f"axes-{apart:08x}.npz"
            self._folder.mkdir(parents=True, exist_ok=True)
            with alone(file.with_suffix(".lock")):
                try:
                    content = file.read_bytes()
                    reduction = Reduction.from_bytes(content)
                except (OSError, ValueError, KeyError, TypeError, BadZipFile):
                    reduction = self._learn()
                    write_atomically(file, content := reduction.to_bytes())
            self._reduction = reduction, zlib.crc32(content)
        return self._reduction

    def _learn(self) -> Reduction:
        rows = np.array([k for k, i in enumerate(self._ids) if i not in self._apart], np.int64)
        X = self._embeddings.vectors()[evenly_spread(rows, SAMPLE)]
        return Pool(X, parts=self._embeddings.parts).view.reduction

    @property
    def index(self) -> StoredIndex:
        """The index over all images; made where it is not there yet."""
        n = len(self._ids)
        if self._index is None:
            self._index = StoredIndex.open(self._folder, self._mark)
        if self._index is None or n > OUTGROWN * self._index.built_of:
            self.build()
            self._index = StoredIndex.open(self._folder, self._mark)
            assert self._index is not None
        elif self._index.rows < n:
            self._index.add(self.vectors, n, self._mark(n))
        return self._index

    def build(
        self,
        part: tuple[int, int] = (0, 1),
        *,
        kind: Literal["ivf", "pq"] | None = None,
        progress: Progress = silent,
    ) -> int:
        """Build one of some parts; return how many are missing still. See :func:`build_part`."""
        n = len(self._ids)
        if kind is None:
            needed = 2 * self.reduction.rotation.shape[1] * n
            kind = "ivf" if needed <= MEMORY_SHARE * psutil.virtual_memory().total else "pq"
        return build_part(
            self._folder, self.vectors, n, self._mark(n), part=part, kind=kind, progress=progress
        )

    def _mark(self, n: int) -> str:
        """Return what the first n images and their vectors are known by."""
        return f"{zlib.crc32(chr(10).join(self._ids[:n]).encode()):08x}{self._learnt()[1]:08x}"
