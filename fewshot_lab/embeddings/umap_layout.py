"""Embeddings in the plane by UMAP (McInnes, Healy and Melville 2018, JOSS 3)."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index import build_index, evenly_spread
from fewshot_lab.embeddings.map_layout import Layout, pca_map, place_new
from fewshot_lab.embeddings.neighbours import REDUCED, Reduced, neighbour_graph
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

FEWEST = 16
"""Images below which there is no neighbourhood to learn, and UMAP's map is the PCA map."""

LANDMARKS, MANY = 100_000, 200_000
"""Of more than so many images, so many are laid out, and the others placed among them."""

_BLOCK = 32_768

# numba's workers take one parallel region at a time in a process.
_one_at_a_time = threading.Lock()


def umap_map(
    matrix: npt.NDArray[Any],
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

    Of more than :data:`MANY` images :data:`LANDMARKS`, evenly spread, are laid out, and the others
    placed as :func:`place_new` does: about as many neighbours stay neighbours
    (``benchmarks/map_landmarks.py``), in a fraction of the time and the memory.

    Parameters
    ----------
    matrix
        (n, d).
    neighbours
        How many each image holds on to, 2 to 200; fewer show detail, more the large picture.
    min_dist
        How tight neighbours may lie, 0 to 0.99.
    seed
        For everything that is drawn.
    progress
        Told ``("neighbours", rows, n)``, ``("layout", epoch, epochs)`` and ``("placing", images,
        n)``; may raise ``Stopped``.

    Raises
    ------
    FewshotLabError
        If a setting is out of range.
    """
    if not 2 <= neighbours <= 200:
        raise FewshotLabError(f"{neighbours} neighbours are not possible: choose 2 to 200.")
    if not 0 <= min_dist < 1:
        raise FewshotLabError(f"A min_dist of {min_dist} is not possible: choose 0 to 0.99.")
    n = len(matrix)
    if n > MANY:
        landmarks = evenly_spread(n, LANDMARKS)
        laid_out = umap_map(
            matrix[landmarks],
            neighbours=neighbours,
            min_dist=min_dist,
            seed=seed,
            progress=progress,
        )
        return Layout(_among(landmarks, laid_out.xy, matrix, progress), "umap")
    start = pca_map(matrix)
    if n < FEWEST:
        return Layout(start, "pca")
    rows, distances = neighbour_graph(matrix, min(neighbours, n), progress=progress)
    epochs = 500 if n <= 10_000 else 200
    progress("layout", 0, epochs)
    with _one_at_a_time:
        xy = _optimised(start, rows, distances, min_dist, seed, epochs, progress)
    return Layout(xy, "umap")


def _among(
    landmarks: npt.NDArray[np.int64],
    xy: npt.NDArray[np.float32],
    matrix: npt.NDArray[Any],
    progress: Progress,
) -> npt.NDArray[np.float32]:
    """Return where all images lie (n, 2), given the places of some; these stay where they are."""
    short = Reduced.of(matrix, REDUCED)
    # The median of most of an image's nearest is where the median of all is.
    index = build_index(short(matrix[landmarks]), kind="ivf", device="cpu", recall=0.9)
    n = len(matrix)
    out = np.empty((n, 2), np.float32)
    for start in range(0, n, _BLOCK):
        out[start : start + _BLOCK] = place_new(xy, index, short(matrix[start : start + _BLOCK]))
        progress("placing", min(n, start + _BLOCK), n)
    out[landmarks] = xy
    return out


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


@dataclass
class _Bar:
    """Looks like the terminal to tqdm and hears which epoch it is."""

    report: Callable[[int], None]

    def write(self, text: str) -> None:
        if (epoch := text.strip()).isdecimal():
            self.report(int(epoch))

    def flush(self) -> None:
        pass
