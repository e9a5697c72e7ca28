"""Embeddings in the plane: PCA at once, and where a new image belongs on a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index import Index, evenly_spread, normalised

_EXTENT = 10.0

PLACED_BY = 10
"""Neighbours that say where a new image belongs."""


@dataclass(frozen=True)
class Layout:
    """Positions on a map, and how they came about.

    Attributes
    ----------
    xy
        float32 (n, 2).
    method
        ``"pca"`` or ``"umap"``.
    """

    xy: npt.NDArray[np.float32]
    method: Literal["pca", "umap"]


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


def place_new(
    xy: npt.NDArray[np.float32], index: Index, vectors: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    """Place images on a map without moving those on it.

    Each goes to the weighted geometric median of its nearest neighbours' positions (Weiszfeld
    1937): unlike their mean it does not end up in the empty space between two clusters when
    some of the neighbours lie in the other one.

    Parameters
    ----------
    xy
        (n, 2), the map.
    index
        Over its n embeddings, in the order of `xy`.
    vectors
        (m, d), embeddings by the same backbone.

    Returns
    -------
    ndarray of float32, shape (m, 2)
    """
    if not len(xy):
        return pca_map(vectors)
    similarity, rows = index.search(vectors, PLACED_BY)
    rows = np.where(rows < 0, rows[:, :1], rows)
    distance = np.maximum(1 - similarity, 0)
    # As in UMAP: the nearest counts fully, the others by how much farther they are.
    beyond = distance - distance[:, :1]
    scale = np.maximum(beyond.mean(axis=1, keepdims=True), 1e-6)
    weight = np.exp(-beyond / scale)
    points = xy[rows].astype(np.float64)  # (m, k, 2)
    at = (weight[..., None] * points).sum(axis=1) / weight.sum(axis=1)[:, None]
    for _ in range(32):
        gap = np.linalg.norm(points - at[:, None], axis=2)
        pull = weight / np.maximum(gap, 1e-6)
        at = (pull[..., None] * points).sum(axis=1) / pull.sum(axis=1)[:, None]
    return np.asarray(at.astype(np.float32))
