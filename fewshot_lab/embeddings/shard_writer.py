"""From batches to shard files of a sensible size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.backbones import Backbone
from fewshot_lab.embeddings.batches import Batch
from fewshot_lab.embeddings.shards import write_shard

PATIENCE = 30.0
"""Seconds after which what is finished is written even if the shard is not full."""


class ShardWriter:
    """Collects embeddings until they are worth a file.

    Attributes
    ----------
    seen
        Images of all batches so far, with those that could not be read.
    """

    def __init__(self, folder: Path, backbone: Backbone, dtype: str, size: int) -> None:
        self._folder, self._dtype, self._size = folder, dtype, size
        self._fingerprint, self._parts = backbone.fingerprint, backbone.parts
        self.seen = 0
        self._empty()

    def _empty(self) -> None:
        self._ids: list[str] = []
        self._vectors: list[Any] = []
        self._statistics: list[Any] = []
        self._failed: list[tuple[str, str]] = []
        self._since = time.monotonic()

    def add(self, batch: Batch) -> None:
        """Take a batch in, and write what there is if it is time."""
        self.seen += len(batch.ids) + len(batch.failed) + len(batch.absent)
        self._failed += batch.failed
        if batch.ids:
            finite = np.isfinite(batch.vectors).all(axis=1)
            if not finite.all():
                self._failed += [
                    (i, "Its embedding is not finite.")
                    for i, good in zip(batch.ids, finite, strict=True)
                    if not good
                ]
                batch.ids = [i for i, good in zip(batch.ids, finite, strict=True) if good]
                batch.vectors = batch.vectors[finite]
                batch.statistics = batch.statistics[finite]
            self._ids += batch.ids
            self._vectors.append(batch.vectors)
            self._statistics.append(batch.statistics)
        full = len(self._ids) + len(self._failed) >= self._size
        if full or time.monotonic() - self._since > PATIENCE:
            self.write()

    def write(self) -> None:
        """Write what has been collected, if anything."""
        if self._ids or self._failed:
            vectors = (
                np.concatenate(self._vectors)
                if self._ids
                else np.zeros((0, self._parts.dimensions), np.float16)
            )
            write_shard(
                self._folder,
                self._ids,
                vectors,
                self._failed,
                parts=self._parts,
                statistics=np.concatenate(self._statistics) if self._ids else None,
                fingerprint=self._fingerprint,
                dtype=self._dtype,
            )
        self._empty()
