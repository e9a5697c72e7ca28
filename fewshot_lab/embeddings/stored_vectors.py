"""The vectors of many images, left on the disk until some are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.shards import Shard
from fewshot_lab.errors import FewshotLabError


class StoredVectors:
    """A matrix of fp16 (n, d) that lies in shards; ``[rows]`` reads a part of it into memory.

    It stays what it is while shards are added. What the disk gave lately, the system keeps in
    memory as far as it has some to spare, so that reading a part again costs a copy.

    Parameters
    ----------
    shards
        Where the vectors lie.
    shard, position
        Of each row (n,): which shard, and which of its vectors.
    dimensions
        d.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        shard: npt.NDArray[np.int32],
        position: npt.NDArray[np.int32],
        dimensions: int,
    ) -> None:
        self._shards = shards
        self.shard, self.position = shard, position
        self.shape = (len(shard), dimensions)

    def __len__(self) -> int:
        return self.shape[0]

    def at(self, rows: npt.NDArray[Any]) -> StoredVectors:
        """Return those rows, by number or as a mask, and read none."""
        return StoredVectors(self._shards, self.shard[rows], self.position[rows], self.shape[1])

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Read a slice, rows by number, or a mask of all.

        Raises
        ------
        FewshotLabError
            Where a file is gone, or shorter than it was.
        """
        shard, position = self.shard[rows], self.position[rows]
        out = np.empty((len(shard), self.shape[1]), np.float16)
        order = np.lexsort((position, shard))
        starts = np.flatnonzero(np.diff(shard[order], prepend=-1))
        for own in np.split(order, starts[1:]) if len(order) else []:
            source = self._shards[shard[own[0]]]
            try:
                source.read_into(out, own, position[own])
            except (OSError, EOFError):
                raise FewshotLabError(
                    f"{source.path} was removed or changed while it was in use. Embed the images "
                    "again: only those whose embeddings are missing take time."
                ) from None
        return out
