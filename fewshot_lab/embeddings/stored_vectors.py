"""The vectors of many images, left on the disk until some are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
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

    @property
    def mark(self) -> str:
        """What they are known by: a shard has a name of its own, and is never changed."""
        digest = blake2b(
            "\n".join(shard.path.name for shard in self._shards).encode(), digest_size=16
        )
        digest.update(self.shard.tobytes() + self.position.tobytes())
        return digest.hexdigest()

    def at(self, rows: slice | npt.NDArray[Any]) -> StoredVectors:
        """Return those rows, by slice, by number or as a mask, and read none."""
        return StoredVectors(self._shards, self.shard[rows], self.position[rows], self.shape[1])

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> npt.NDArray[np.float16]:
        """Read a slice, rows by number, or a mask of all.

        Raises
        ------
        FewshotLabError
            Where a file is gone, or shorter than it was.
        """
        some = self.at(rows)
        out = np.empty(some.shape, np.float16)
        for source, own, position in some._by_shard():
            try:
                source.read_into(out, own, position)
            except (OSError, EOFError):
                raise FewshotLabError(
                    f"{source.path} was removed or changed while it was in use. Embed the images "
                    "again: only those whose embeddings are missing take time."
                ) from None
        return out

    def statistics(self) -> npt.NDArray[np.float16] | None:
        """Return the pictures' statistics (n, s), read into memory; None where one has none."""
        out: npt.NDArray[np.float16] | None = None
        for source, own, position in self._by_shard():
            if (table := source.statistics()) is None:
                return None
            if out is None:
                out = np.empty((len(self), table.shape[1]), np.float16)
            out[own] = table[position]
        return out

    def _by_shard(self) -> Iterator[tuple[Shard, npt.NDArray[np.intp], npt.NDArray[np.int32]]]:
        """Yield each shard with the rows that lie in it, and their ascending places there."""
        order = np.lexsort((self.position, self.shard))
        starts = np.flatnonzero(np.diff(self.shard[order], prepend=-1))
        for own in np.split(order, starts[1:]) if len(order) else []:
            yield self._shards[self.shard[own[0]]], own, self.position[own]
