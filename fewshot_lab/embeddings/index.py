"""Nearest neighbours by cosine, with FAISS (Johnson, Douze and Jégou 2019)."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index_recall import QUERY_ROWS, RECALL, K, choose_probes, nearest_rows
from fewshot_lab.errors import FewshotLabError

EXACT_UP_TO = 200_000
"""Rows up to which ``kind="auto"`` compares with every one: a query still takes < 0.2 s."""

Kind = Literal["flat", "ivf", "hnsw"]

_BLOCK = 65_536
_QUERIES = 4_096
_GPU_MOST = 2_048


class Index:
    """A FAISS index over the rows of a matrix; safe to search from several threads.

    Attributes
    ----------
    kind
        ``"flat"`` (exact), ``"ivf"`` or ``"hnsw"``.
    on_gpu
        Whether it lies on a GPU.
    rows
        Number of vectors.
    recall
        Share of the ten nearest rows that it finds, measured where it looks into some cells only.
    """

    def __init__(
        self, index: Any, kind: Kind, resources: Any = None, recall: float | None = None
    ) -> None:
        self._index = index
        # FAISS keeps no reference of its own to what a GPU index allocates from.
        self._resources = resources
        self._lock = threading.Lock() if resources is not None else None
        self.kind = kind
        self.on_gpu = resources is not None
        self.rows = int(index.ntotal)
        self.recall = recall

    def search(
        self, queries: npt.NDArray[Any], k: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return the most similar rows, the most similar first.

        Parameters
        ----------
        queries
            (m, d), of any length: normalised here.
        k
            How many; all rows where there are fewer.

        Returns
        -------
        similarity : ndarray of float32, shape (m, min(k, rows))
            Cosine.
        rows : ndarray of int64, same shape
            -1 where an approximate index found fewer.
        """
        k = min(k, self.rows)
        similarity = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        if k <= 0:
            return similarity, rows
        # FAISS's GPU indexes serve one thread at a time, and at most 2,048 neighbours.
        with self._lock or nullcontext():
            index = self._index
            if self.on_gpu and k > _GPU_MOST:
                index = load_faiss().index_gpu_to_cpu(index)
            for start in range(0, len(queries), _QUERIES):
                block = slice(start, start + _QUERIES)
                similarity[block], rows[block] = index.search(normalised(queries[block]), k)
        return similarity, rows


def normalised(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return float32 copies of length 1, (n, d); zero stays zero."""
    vectors = np.array(vectors, np.float32, order="C")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def build_index(
    matrix: npt.NDArray[Any],
    *,
    kind: Literal["auto", Kind] = "auto",
    device: str | None = None,
    recall: float = RECALL,
) -> Index:
    """Index the rows of a matrix for search by cosine.

    Parameters
    ----------
    matrix
        (n, d), fp16 or fp32, of any length: normalised here.
    kind
        ``"flat"`` compares with every row. ``"ivf"`` looks into the nearest of about sqrt(n)
        cells, into as many as ``recall`` asks for; where a third of them does not do, every row is
        compared, which takes no longer then. ``"hnsw"`` walks a graph
        (Malkov and Yashunin 2018). ``"auto"`` is exact up to :data:`EXACT_UP_TO` rows, then
        ``"ivf"``.
    device
        ``"cpu"`` or ``"cuda"``; the GPU if FAISS sees one, if None. HNSW has no GPU form.
    recall
        Share of the ten nearest rows that an inverted file is to find.

    Raises
    ------
    FewshotLabError
        If the kind is unknown, or a GPU is asked for that FAISS does not see.
    """
    faiss = load_faiss()
    if kind not in ("auto", "flat", "ivf", "hnsw"):
        raise FewshotLabError(f"{kind!r} is not a kind of index; use auto, flat, ivf or hnsw.")
    seen = gpus()
    if device is not None and device.startswith("cuda") and not seen:
        raise FewshotLabError("FAISS sees no GPU here; use the device cpu.")
    n, d = matrix.shape
    chosen: Kind = ("flat" if n <= EXACT_UP_TO else "ivf") if kind == "auto" else kind
    # Below some hundred rows cells are too small to be worth learning.
    if chosen == "ivf" and n < 400:
        chosen = "flat"
    metric = faiss.METRIC_INNER_PRODUCT
    blocks = partial(_normalised_blocks, matrix)
    share = None
    if chosen == "ivf":
        index = _added(_trained_ivf(matrix), blocks())
        query_rows = evenly_spread(n, QUERY_ROWS)
        queries = normalised(matrix[query_rows])
        truth = nearest_rows(queries, blocks(), K)
        share = choose_probes(index, query_rows, queries, truth, wanted=recall)
        if share < recall:
            chosen, share = "flat", None
    if chosen == "flat":
        index = _added(faiss.IndexFlatIP(d), blocks())
    elif chosen == "hnsw":
        index = faiss.IndexHNSWFlat(d, 32, metric)
        index.hnsw.efConstruction, index.hnsw.efSearch = 80, 128
        _added(index, blocks())
    if seen and chosen != "hnsw" and (device is None or device.startswith("cuda")):
        moved = _to_gpu(faiss, index, device)
        if moved is not None:
            return Index(moved[0], chosen, moved[1], share)
    return Index(index, chosen, recall=share)


def _normalised_blocks(matrix: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(matrix), _BLOCK):
        yield normalised(matrix[start : start + _BLOCK])


def _added(index: Any, blocks: Iterable[npt.NDArray[np.float32]]) -> Any:
    for block in blocks:
        index.add(block)
    return index


def load_faiss() -> Any:
    """Import FAISS, safely beside torch."""
    if sys.platform == "darwin":
        # torch and faiss each bring an OpenMP of their own there: the one that is loaded second
        # crashes when both have several threads at work.
        import torch  # noqa: F401
    import faiss

    if sys.platform == "darwin":
        faiss.omp_set_num_threads(1)
    return faiss


def gpus() -> int:
    """Return how many GPUs FAISS sees."""
    faiss = load_faiss()
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def _trained_ivf(matrix: npt.NDArray[Any]) -> Any:
    n = len(matrix)
    cells = max(1, round(math.sqrt(n)))
    # Beyond 64 points per cell the cells hardly change, but learning them costs in proportion.
    return trained_ivf(normalised(matrix[evenly_spread(n, 64 * cells)]), cells)


def trained_ivf(sample: npt.NDArray[np.float32], cells: int) -> Any:
    """Return an empty inverted file of fp16 vectors, its cells learnt from a sample (m, d)."""
    faiss = load_faiss()
    d = sample.shape[1]
    quantiser = faiss.IndexFlatIP(d)
    # Two bytes a number: the shards hold no more than that either.
    index = faiss.IndexIVFScalarQuantizer(
        quantiser,
        d,
        cells,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # whole vectors, not what is left after the cell's centre
    )
    index.cp.seed, index.cp.niter = 1234, 10
    index.cp.min_points_per_centroid = 1
    index.train(sample)
    return index


def _to_gpu(faiss: Any, index: Any, device: str | None) -> tuple[Any, Any] | None:
    """Copy an index to a GPU; None where its memory does not hold it."""
    number = int(device.partition(":")[2] or 0) if device else 0
    try:
        resources = faiss.StandardGpuResources()
        # The default is a good part of the GPU, which the backbone may need.
        resources.setTempMemory(256 << 20)
        options = faiss.GpuClonerOptions()
        options.useFloat16 = True
        return faiss.index_cpu_to_gpu(resources, number, index, options), resources
    except RuntimeError:
        return None


def evenly_spread(n: int, at_most: int) -> npt.NDArray[np.int64]:
    """Return at most so many of n rows, evenly spread, ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).astype(np.int64))
