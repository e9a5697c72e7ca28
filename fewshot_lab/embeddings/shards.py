"""Embeddings on disk: many small files, each written whole, none ever changed.

A shard is a safetensors file with a tensor ``vectors`` (n, d) in fp16, and beside it, where they
were taken, ``statistics`` (n, s) of the same pictures; its header lists the n image ids, the images
that could not be embedded, with the reason, the parts of a vector, and checksums of all of these
and of the numbers. Each process writes shards of its own, so any number of them may write into one
folder at once without a common list to lock: the manifest is the union of the headers.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from fewshot_lab.backbones import Parts
from fewshot_lab.files import checksum, write_atomically

SUFFIX = ".safetensors"


class DamagedShard(Exception):  # noqa: N818
    """A file that is no whole shard, or other than it was written."""


@dataclass(frozen=True)
class Shard:
    """The header of one shard file.

    ``offset`` is where its vectors begin; ``statistics_at`` where the pictures' statistics do, and
    how many there are of each; None in shards of earlier versions.
    """

    path: Path
    ids: list[str]
    failed: list[tuple[str, str]]
    parts: Parts
    fingerprint: str
    dtype: str
    offset: int
    statistics_at: tuple[int, int] | None = None

    def vectors(self) -> npt.NDArray[np.float16]:
        """Return the vectors (n, d), read into memory."""
        return self._read(self.offset, self.parts.dimensions)

    def read_into(
        self,
        out: npt.NDArray[np.float16],
        rows: npt.NDArray[np.integer[Any]],
        positions: npt.NDArray[np.integer[Any]],
    ) -> None:
        """Read vectors at ascending positions (m,) into rows (m,) of a matrix (n, d).

        Raises
        ------
        OSError, EOFError
            Where the file is gone, or shorter than it was.
        """
        length = 2 * self.parts.dimensions
        runs = np.flatnonzero(np.diff(positions) != 1) + 1
        with self.path.open("rb", buffering=0) as file:
            for place, run in zip(np.split(rows, runs), np.split(positions, runs), strict=True):
                part = np.empty((len(run), self.parts.dimensions), np.float16)
                file.seek(self.offset + length * int(run[0]))
                if file.readinto(part.data) != part.nbytes:
                    raise EOFError(self.path)
                out[place] = part

    def statistics(self) -> npt.NDArray[np.float16] | None:
        """Return the pictures' statistics (n, s), read into memory; None where there are none."""
        return None if self.statistics_at is None else self._read(*self.statistics_at)

    def _read(self, offset: int, width: int) -> npt.NDArray[np.float16]:
        shape = (len(self.ids), width)
        if not self.ids:
            return np.zeros(shape, np.float16)
        return np.fromfile(self.path, np.float16, shape[0] * width, offset=offset).reshape(shape)


def write_shard(
    folder: Path,
    ids: Sequence[str],
    vectors: npt.NDArray[np.float16],
    failed: Sequence[tuple[str, str]],
    *,
    parts: Parts | None = None,
    statistics: npt.NDArray[np.float16] | None = None,
    fingerprint: str,
    dtype: str,
) -> Path:
    """Write one shard, whole or not at all.

    Parameters
    ----------
    folder
        Of one backbone.
    ids
        n image ids.
    vectors
        (n, d), n may be 0.
    failed
        Images without an embedding, and why.
    parts
        Of a vector; one, the final embedding, if None.
    statistics
        Of the pictures (n, s), if they were taken.
    fingerprint
        Of the backbone.
    dtype
        What the forward pass was computed in, ``"float32"`` or ``"bfloat16"``.
    """
    from safetensors.numpy import save

    if vectors.shape[0] != len(ids):
        raise ValueError(f"{len(ids)} ids for {vectors.shape[0]} vectors")
    tensors = {"vectors": np.ascontiguousarray(vectors, np.float16)}
    if statistics is not None:
        tensors["statistics"] = np.ascontiguousarray(statistics, np.float16)
    metadata = {
        "ids": json.dumps(list(ids)),
        "failed": json.dumps(list(failed)),
        "parts": json.dumps((parts or Parts.final(vectors.shape[1])).lengths),
        "fingerprint": fingerprint,
        "dtype": dtype,
    }
    metadata["checksums"] = json.dumps(
        {name: zlib.crc32(tensor.data) for name, tensor in tensors.items()}
        | {"metadata": _checksum_of(metadata)}
    )
    data = save(tensors, metadata=metadata)
    # Named by time, so that listing them by name gives about the order of writing.
    path = folder / f"{time.time_ns():019d}-{uuid4().hex[:8]}{SUFFIX}"
    write_atomically(path, data)
    return path


def read_shard(path: Path) -> Shard | None:
    """Read a shard's header, and all of it once, to compare its checksums.

    Returns
    -------
    Shard or None
        None where the file cannot be read now.

    Raises
    ------
    DamagedShard
        Where it is not as it was written. Shards of earlier versions have no checksums: of those
        only the length is compared.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= size - 8:
                raise DamagedShard(path)
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__")
            shard = _shard(path, header, metadata, 8 + length, size)
            sums = json.loads(metadata.pop("checksums", "{}"))
            if sums and sums.pop("metadata") != _checksum_of(metadata):
                raise DamagedShard(path)
            for name, stated in sums.items():
                start, end = header[name]["data_offsets"]
                file.seek(8 + length + start)
                if checksum(file, end - start) != stated:
                    raise DamagedShard(path)
            return shard
    except OSError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedShard(path) from None


def _shard(
    path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str], start: int, size: int
) -> Shard:
    """Make it of a header; ``start`` is where the tensors begin."""
    tensor, beside = tensors["vectors"], tensors.get("statistics")
    n, d = tensor["shape"]
    ids = json.loads(metadata["ids"])
    # Shards of the first version say nothing of parts: they have but one.
    parts = Parts.of(json.loads(metadata["parts"])) if "parts" in metadata else Parts.final(d)
    both = [tensor] if beside is None else [tensor, beside]
    whole = all(each["dtype"] == "F16" and each["shape"][0] == len(ids) for each in both)
    whole &= size == start + sum(2 * n * each["shape"][1] for each in both)
    if not whole or (n and parts.dimensions != d):
        raise DamagedShard(path)
    return Shard(
        path=path,
        ids=ids,
        failed=[(str(i), str(reason)) for i, reason in json.loads(metadata["failed"])],
        parts=parts,
        fingerprint=metadata["fingerprint"],
        dtype=metadata["dtype"],
        offset=start + tensor["data_offsets"][0],
        statistics_at=beside and (start + beside["data_offsets"][0], int(beside["shape"][1])),
    )


def _checksum_of(metadata: Mapping[str, str]) -> int:
    return zlib.crc32(json.dumps(sorted(metadata.items())).encode())


def set_aside(path: Path) -> None:
    """Let a damaged shard count no more; what is left of it stays beside the others."""
    with suppress(OSError):  # another process was first
        path.rename(path.with_suffix(".damaged"))


def shard_names(folder: Path) -> list[str]:
    """Return the names of a folder's shards, the oldest first; half-written ones are not listed."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (no object for each of some thousand files)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name.endswith(SUFFIX) and not name.startswith("."))
