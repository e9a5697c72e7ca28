"""All embeddings of one backbone, as one matrix."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from threading import RLock

import numpy as np
import numpy.typing as npt

from fewshot_lab.backbones import Parts
from fewshot_lab.embeddings.shards import DamagedShard, Shard, read_shard, shard_names
from fewshot_lab.embeddings.stored_vectors import StoredVectors
from fewshot_lab.errors import FewshotLabError

_NONE = np.empty(0, np.int32)


class Embeddings:
    """The embeddings in a folder; thread-safe.

    Rows never change their place while the object lives: :meth:`reload` only appends.

    Attributes
    ----------
    folder
        Where the shards lie.
    damaged
        Names of shards that are not as they were written; none of their images is here.
    ids
        Image ids in the order of the rows.
    failed
        Images that could not be embedded, with the reason.
    parts
        What the d numbers of an embedding are; none while there is no embedding.
    dtype_computed
        What the forward pass was computed in: ``"float32"`` or ``"bfloat16"``, or both.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self._lock = RLock()
        self._seen: set[str] = set()
        self.ids: list[str] = []
        self._row: dict[str, int] = {}
        self.failed: dict[str, str] = {}
        self._shards: list[Shard] = []
        self._vectors = StoredVectors((), _NONE, _NONE, 0)
        self.parts = Parts(())
        self._fingerprint = ""
        self.dtype_computed = ""
        self.reload()

    @property
    def fingerprint(self) -> str:
        """The backbone's; the folder's name while there is no shard."""
        return self._fingerprint or self.folder.name

    def __len__(self) -> int:
        return len(self.ids)

    def contains(self, image_id: str) -> bool:
        """Return whether an image has an embedding."""
        return image_id in self._row

    def reload(self) -> int:
        """Take in shards written since; return how many images they added."""
        with self._lock:
            fresh = [name for name in shard_names(self.folder) if name not in self._seen]
            if not fresh:
                return 0
            ids, row = list(self.ids), dict(self._row)
            failed = dict(self.failed)
            shards, positions = [self._vectors.shard], [self._vectors.position]
            for name in fresh:
                try:
                    shard = read_shard(self.folder / name)
                except DamagedShard:
                    # Not there, for whoever reads; embedding makes its images' vectors anew.
                    self._seen.add(name)
                    self.damaged.append(name)
                    continue
                if shard is None:
                    continue
                self._seen.add(name)
                self._check(shard)
                self._shards.append(shard)
                # An image embedded by two processes at once counts once, as first found.
                keep = {i: position for position, i in enumerate(shard.ids) if i not in row}
                row.update(zip(keep, itertools.count(len(ids)), strict=False))
                ids += keep
                positions.append(np.array(list(keep.values()), np.int32))
                shards.append(np.full(len(keep), len(self._shards) - 1, np.int32))
                failed |= dict(shard.failed)
            added = len(ids) - len(self.ids)
            # New objects, so that whoever holds the old ones is not surprised.
            self.failed = {i: reason for i, reason in failed.items() if i not in row}
            self._row, self.ids = row, ids
            self._vectors = StoredVectors(
                tuple(self._shards),
                np.concatenate(shards),
                np.concatenate(positions),
                self.parts.dimensions,
            )
            return added

    def _check(self, shard: Shard) -> None:
        if self._fingerprint and shard.fingerprint != self._fingerprint:
            raise FewshotLabError(
                f"{self.folder} holds embeddings by different backbones; delete the folder and "
                "embed again."
            )
        self._fingerprint = shard.fingerprint
        if shard.ids:
            self.parts = shard.parts
            dtypes = {*filter(None, self.dtype_computed.split(", ")), shard.dtype}
            self.dtype_computed = ", ".join(sorted(dtypes))

    def rows(self, ids: Sequence[str]) -> npt.NDArray[np.intp]:
        """Return where images stand among :attr:`ids` (m,).

        Raises
        ------
        FewshotLabError
            If an image has no embedding.
        """
        row = self._row
        try:
            return np.array([row[image_id] for image_id in ids], np.intp)
        except KeyError as error:
            raise FewshotLabError(f"Image {error.args[0]} has no embedding yet.") from None

    def vectors(self, ids: Sequence[str] | None = None) -> StoredVectors:
        """Return embeddings that are read where they are asked for.

        Parameters
        ----------
        ids
            Images in any order; all, in the order of :attr:`ids`, if None.

        Raises
        ------
        FewshotLabError
            If an image has none.
        """
        with self._lock:
            return self._vectors if ids is None else self._vectors.at(self.rows(ids))

    def matrix(self, ids: Sequence[str] | None = None) -> npt.NDArray[np.float16]:
        """Return the same, read into memory (n, d)."""
        return self.vectors(ids)[:]

    def statistics(self, ids: Sequence[str]) -> npt.NDArray[np.float16] | None:
        """Return the pictures' statistics (n, s); None where an image has none.

        Images embedded by earlier versions have none: what needs them goes without.
        """
        if not all(map(self.contains, ids)):
            return None
        return self.vectors(ids).statistics()


def open_embeddings(folder: Path) -> Embeddings:
    """Open the embeddings in a folder; none where there is no such folder."""
    return Embeddings(Path(folder))
