"""Embeddings on disk: many small files, each written whole, none ever changed.

A shard is a safetensors file with one tensor ``vectors`` (n, d) in fp16; its header lists the n
image ids, the images that could not be embedded, with the reason, and the parts of a vector. Each
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
    """The header of one shard file; ``offset`` is where its vectors begin."""

    path: Path
    ids: list[str]
    failed: list[tuple[str, str]]
    parts: Parts
    fingerprint: str
    dtype: str
    offset: int

    def vectors(self) -> npt.NDArray[np.float16]:
        """Return the vectors (n, d), read into memory."""
        shape = (len(self.ids), self.parts.dimensions)
        if not self.ids:
            return np.zeros(shape, np.float16)
        count = shape[0] * shape[1]
        return np.fromfile(self.path, np.float16, count, offset=self.offset).reshape(shape)


def write_shard(
    folder: Path,
    ids: Sequence[str],
    vectors: npt.NDArray[np.float16],
    failed: Sequence[tuple[str, str]],
    *,
    parts: Parts | None = None,
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
    fingerprint
        Of the backbone.
    dtype
        What the forward pass was computed in, ``"float32"`` or ``"bfloat16"``.
    """
    from safetensors.numpy import save

    if vectors.shape[0] != len(ids):
        raise ValueError(f"{len(ids)} ids for {vectors.shape[0]} vectors")
    data = save(
        {"vectors": np.ascontiguousarray(vectors, np.float16)},
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
        n, d = tensor["shape"]
        ids = json.loads(metadata["ids"])
        # Shards of the first version say nothing of parts: they have but one.
        parts = Parts.of(json.loads(metadata["parts"])) if "parts" in metadata else Parts.final(d)
        whole = tensor["dtype"] == "F16" and n == len(ids) and size == 8 + length + 2 * n * d
        if not whole or (n and parts.dimensions != d):
            return None
        return Shard(
            path=path,
            ids=ids,
            failed=[(str(i), str(reason)) for i, reason in json.loads(metadata["failed"])],
            parts=parts,
            fingerprint=metadata["fingerprint"],
            dtype=metadata["dtype"],
            offset=8 + length,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def shard_files(folder: Path) -> list[Path]:
    """Return the shard files of a folder, the oldest first; half-written ones are not listed."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))
