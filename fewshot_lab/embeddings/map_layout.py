"""Embeddings in the plane: PCA at once, UMAP (McInnes, Healy and Melville 2018) when ready."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index import Index, build_index, evenly_spread, normalised
from fewshot_lab.embeddings.neighbours import neighbour_graph
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

FEWEST = 16
"""Images below which there is no neighbourhood to learn, and UMAP's map is the PCA map."""

# numba's workers take one parallel region at a time in a process.
_one_at_a_time = threading.Lock()

_EXTENT = 10.0


@dataclass(frozen=True)
class Layout:
    """Positions, and what placing a new image next to them needs.

    Attributes
    ----------
    xy
        float32 (n, 2).
    method
        ``"pca"`` or ``"umap"``.
    index
        Over the n embeddings, in the order of `xy`; where None, no image can be placed on it.
    settings
        What it was made with.
    """

    xy: npt.NDArray[np.float32]
    method: Literal["pca", "umap"]
    index: Index | None
    settings: dict[str, Any] = field(default_factory=dict)


def pca_map(matrix: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the two strongest components of the unit vectors.

    The axes are learnt from at most 10,000 rows, evenly spread, so that the first picture of
    100,000 images takes seconds. Signs are fixed: the same matrix gives the same map.

    Parameters
    ----------
    matrix
        (n, d), n may be 0, 1 or 2.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Centred, scaled so that the longer axis reaches 10 at 99 % of the images.
    """
    n = len(matrix)
    xy = np.zeros((n, 2), np.float32)
    if n < 2:
        return xy
    sample = normalised(matrix[evenly_spread(n, 10_000)])
    mean = sample.mean(axis=0)
    sample -= mean
    axes = _two_axes(sample)
    for start in range(0, n, 16_384):
        block = slice(start, start + 16_384)
        xy[block] = (normalised(matrix[block]) - mean) @ axes
    reach = np.quantile(np.abs(xy), 0.99, axis=0).max()
    if reach > 1e-6:
        xy *= _EXTENT / reach
    return xy


def _two_axes(centred: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the two leading right singular vectors (d, 2), zero where there is no such axis."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    n, d = centred.shape
    axes = np.zeros((d, 2), np.float32)
    if min(n, d) <= 8:
        _, lengths, vectors = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
        leading = vectors[:2][lengths[:2] > 1e-6]
        axes[:, : len(leading)] = leading.T
    else:
        # Lanczos needs some dozen products with the data; all d components would need d of them.
        operator = LinearOperator(
            (d, d), matvec=lambda v: centred.T @ (centred @ v), dtype=np.float32
        )
        values, vectors = eigsh(operator, k=2, v0=np.ones(d, np.float32), tol=1e-4)
        order = np.argsort(-values)
        axes[:] = vectors[:, order]
        axes[:, values[order] < 1e-9 * n] = 0
    largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return axes * np.where(largest < 0, -1, 1).astype(np.float32)


def umap_map(
    matrix: npt.NDArray[Any],
    index: Index | None = None,
    *,
    neighbours: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
    progress: Progress = silent,
) -> Layout:
    """Lay the images out so that neighbours stay neighbours.

    The neighbours come from FAISS, the starting positions from the PCA map, so that the one
    turns into the other (Kobak and Linderman 2021: such a start keeps the large picture). One
    seed, one map.

    Parameters
    ----------
    matrix
        (n, d).
    index
        Over the same rows; made here where it is needed, if None.
    neighbours
        How many each image holds on to, 2 to 200; fewer show detail, more the large picture.
    min_dist
        How tight neighbours may lie, 0 to 0.99.
    seed
        For everything that is drawn.
    progress
        Told ``("neighbours", rows, n)`` and ``("layout", epoch, epochs)``; may raise ``Stopped``.

    Raises
    ------
    FewshotLabError
        If a setting is out of range.
    """
    if not 2 <= neighbours <= 200:
        raise FewshotLabError(f"{neighbours} neighbours will not do: choose from 2 to 200.")
    if not 0 <= min_dist < 1:
        raise FewshotLabError(f"A min_dist of {min_dist} will not do: choose from 0 to 0.99.")
    n = len(matrix)
    settings: dict[str, Any] = {"neighbours": neighbours, "min_dist": min_dist, "seed": seed}
    start = pca_map(matrix)
    if n < FEWEST:
        return Layout(start, "pca", index, settings)
    rows, distances = neighbour_graph(matrix, index, min(neighbours, n), progress=progress)
    epochs = 500 if n <= 10_000 else 200
    progress("layout", 0, epochs)
    with _one_at_a_time:
        xy = _optimised(start, rows, distances, min_dist, seed, epochs, progress)
    return Layout(xy, "umap", index, settings)


def _optimised(
    start: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int32],
    distances: npt.NDArray[np.float32],
    min_dist: float,
    seed: int,
    epochs: int,
    progress: Progress,
) -> npt.NDArray[np.float32]:
    umap = _umap()
    random = np.random.RandomState(seed)  # umap-learn takes this kind
    k = rows.shape[1]
    # The data itself is not looked at where neighbours are given, but for its length.
    graph, _, _ = umap.fuzzy_simplicial_set(start, k, random, "cosine", {}, rows, distances)
    a, b = umap.find_ab_params(1.0, min_dist)
    xy, _ = umap.simplicial_set_embedding(
        start,
        graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=epochs,
        init=_distinct(start, random),
        random_state=random,
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,  # several threads would race, and no two maps would be the same
        verbose=False,
        tqdm_kwds={
            "disable": False,
            "file": _Bar(lambda epoch: progress("layout", epoch, epochs)),
            "bar_format": "{n_fmt} ",
            "mininterval": 0.5,
            "miniters": 1,
        },
    )
    progress("layout", epochs, epochs)
    return np.ascontiguousarray(xy - np.median(xy, axis=0), np.float32)


def _distinct(
    start: npt.NDArray[np.float32], random: np.random.RandomState
) -> npt.NDArray[np.float32]:
    """Nudge the starting positions apart: twins at one point would push each other nowhere."""
    noise = random.normal(scale=1e-3, size=start.shape)
    # A flat axis (two images, or all on a line) is filled, because UMAP divides by its width.
    flat = np.ptp(start, axis=0) < 1e-6
    noise[:, flat] = random.normal(scale=1.0, size=(len(start), int(flat.sum())))
    return (start + noise).astype(np.float32)


def _umap() -> Any:
    """Import umap-learn and let numba keep what it compiles.

    umap-learn leaves three of the functions used here to be compiled anew in every process,
    which takes longer than laying out a thousand images.
    """
    with warnings.catch_warnings():
        # It warns that Tensorflow is missing, which only its parametric variant needs.
        warnings.simplefilter("ignore", ImportWarning)
        import umap.layouts
        import umap.umap_

    for module, name in (
        (umap.umap_, "smooth_knn_dist"),
        (umap.umap_, "compute_membership_strengths"),
        (umap.layouts, "_nb_optimize_layout_euclidean_single_epoch"),
    ):
        function: Any = getattr(module, name, None)
        if hasattr(function, "enable_caching") and not function.signatures:
            try:
                function.enable_caching()
            # Nowhere to write to: then it is compiled each time.
            except RuntimeError:
                break
    return umap.umap_


class _Bar:
    """Looks like the terminal to tqdm and hears which epoch it is."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report

    def write(self, text: str) -> None:
        if (epoch := text.strip()).isdecimal():
            self._report(int(epoch))

    def flush(self) -> None:
        pass


def place_new(layout: Layout, vectors: npt.NDArray[Any], *, k: int = 10) -> npt.NDArray[np.float32]:
    """Place images on a map without moving those on it.

    Each goes to the weighted geometric median of its k nearest neighbours' positions (Weiszfeld
    1937): unlike their mean it does not end up in the empty space between two clusters when
    some of the neighbours lie in the other one.

    Parameters
    ----------
    layout
        The map.
    vectors
        (m, d), embeddings by the same backbone.

    Returns
    -------
    ndarray of float32, shape (m, 2)
    """
    if not len(layout.xy):
        return pca_map(vectors)
    if layout.index is None:
        raise ValueError("this layout has no index to find neighbours with")
    similarity, rows = layout.index.search(vectors, k)
    rows = np.where(rows < 0, rows[:, :1], rows)
    distance = np.maximum(1 - similarity, 0)
    # As in UMAP: the nearest counts fully, the others by how much farther they are.
    beyond = distance - distance[:, :1]
    scale = np.maximum(beyond.mean(axis=1, keepdims=True), 1e-6)
    weight = np.exp(-beyond / scale)
    points = layout.xy[rows].astype(np.float64)  # (m, k, 2)
    at = (weight[..., None] * points).sum(axis=1) / weight.sum(axis=1)[:, None]
    for _ in range(32):
        gap = np.linalg.norm(points - at[:, None], axis=2)
        pull = weight / np.maximum(gap, 1e-6)
        at = (pull[..., None] * points).sum(axis=1) / pull.sum(axis=1)[:, None]
    return np.asarray(at.astype(np.float32))


def layout_of(
    xy: npt.NDArray[np.float32], method: Literal["pca", "umap"], matrix: npt.NDArray[Any]
) -> Layout:
    """Return the layout of a map read from disk, its index built anew from the embeddings."""
    return Layout(xy, method, build_index(matrix))
