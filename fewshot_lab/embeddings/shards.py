"""Embeddings on disk: many small files, each written whole, none ever changed.

A shard is a safetensors file with a tensor ``vectors`` (n, d) in fp16, and beside it, where they
were taken, ``statistics`` (n, s) of the same pictures; its header lists the n image ids, the images
that could not be embedded, with the reason, and the parts of a vector. Each
process writes shards of its own, so any number of them may write into one folder at once without a
common list to lock: the manifest is the union of the headers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from fewshot_lab.backbones import Parts
from fewshot_lab.files import write_atomically

SUFFIX = ".safetensors"


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
    data = save(
        tensors,
        metadata={
            "ids": json.dumps(list(ids)),
            "failed": json.dumps(list(failed)),
            "parts": json.dumps((parts or Parts.final(vectors.shape[1])).lengths),
            "fingerprint": fingerprint,
            "dtype": dtype,
        },
    )
    # Named by time, so that listing them by name gives about the order of writing.
    path = folder / f"{time.time_ns():019d}-{uuid4().hex[:8]}{SUFFIX}"
    write_atomically(path, data)
    return path


def read_header(path: Path) -> Shard | None:
    """Read a shard's header; None for a file that is damaged or no shard.

    A damaged shard counts as not there: its images are embedded again.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size
            if not 0 < length <= size - 8:
                return None
            header = json.loads(file.read(length))
        tensor, metadata = header["vectors"], header["__metadata__"]
        beside = header.get("statistics")
        n, d = tensor["shape"]
        ids = json.loads(metadata["ids"])
        # Shards of the first version say nothing of parts: they have but one.
        parts = Parts.of(json.loads(metadata["parts"])) if "parts" in metadata else Parts.final(d)
        tensors = [tensor] if beside is None else [tensor, beside]
        whole = all(each["dtype"] == "F16" and each["shape"][0] == len(ids) for each in tensors)
        whole &= size == 8 + length + sum(2 * n * each["shape"][1] for each in tensors)
        if not whole or (n and parts.dimensions != d):
            return None
        return Shard(
            path=path,
            ids=ids,
            failed=[(str(i), str(reason)) for i, reason in json.loads(metadata["failed"])],
            parts=parts,
            fingerprint=metadata["fingerprint"],
            dtype=metadata["dtype"],
            offset=8 + length + tensor["data_offsets"][0],
            statistics_at=beside
            and (8 + length + beside["data_offsets"][0], int(beside["shape"][1])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def shard_files(folder: Path) -> list[Path]:
    """Return the shard files of a folder, the oldest first; half-written ones are not listed."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
