"""Images unlike anything labelled."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Preparation, Rows
from fewshot_lab.embeddings import build_index
from fewshot_lab.evaluation.decisions import Reference

Float = NDArray[np.floating[Any]]

NEIGHBOUR = 3
SHARE = 0.01
NEAR = 0.25
"""Of the share of a pool that is called unlike, the part by this measure; the rest is by kind."""
MOST = 4096
"""Labelled images kept in a reference; of more, a spread-out selection."""


def make_reference(
    prepare: Preparation, labelled: NDArray[Any], others: Rows, *, share: float = SHARE
) -> Reference | None:
    """Return what tells an image that is unlike anything labelled.

    The measure is the cosine to the k-th nearest labelled image (Sun et al. 2022, ICML), searched
    with FAISS; the cutoff is the value that a given share of the pool's other images lies below:
    what is unlike is so by the measure of the images at hand.

    Parameters
    ----------
    prepare : Preparation
        The classifier's own.
    labelled : array (m, d)
        Embeddings of the labelled images.
    others : Rows (n, d)
        Of images that are not labelled, read some thousand at a time.
    share : float
        Share of the others that is called unlike.

    Returns
    -------
    Reference or None
        None without a labelled image.
    """
    if not len(labelled):
        return None
    # The first part alone: the most general network's last layer tells other kinds of image best.
    final = replace(prepare.blocks[0], weight=1.0)
    unit = final(labelled)
    vectors = unit[spread(unit, MOST)].astype(np.float16)
    reference = Reference(vectors, final.gain, final.centre, min(NEIGHBOUR, len(vectors)), -1.0)
    if len(others):
        cutoff = float(np.quantile(nearest(reference, others), share))
    else:  # everything is labelled: each image by the others
        index = build_index(vectors.astype(np.float32))
        similarity, _ = index.search(vectors.astype(np.float32), min(NEIGHBOUR + 1, len(vectors)))
        cutoff = float(np.quantile(similarity[:, -1], share))
    return Reference(vectors, final.gain, final.centre, reference.k, cutoff)


def nearest(
    reference: Reference, embeddings: Rows, give_way: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Return each embedding's cosine to its k-th nearest labelled image (n,), by FAISS.

    ``give_way`` is called between blocks.
    """
    index = build_index(reference.vectors.astype(np.float32))
    out = np.empty(len(embeddings), dtype=np.float32)
    for start in range(0, len(embeddings), 4096):
        give_way()
        rows = slice(start, start + 4096)
        out[rows] = index.search(reference.prepare(embeddings[rows]), reference.k)[0][:, -1]
    return out


def spread(vectors: Float, most: int) -> NDArray[np.int64]:
    """Return rows that cover all: each time the one farthest from those taken (Gonzalez 1985)."""
    n = len(vectors)
    if n <= most:
        return np.arange(n)
    taken = [0]
    closest = vectors @ vectors[0]
    for _ in range(most - 1):
        taken.append(int(closest.argmin()))
        np.maximum(closest, vectors @ vectors[taken[-1]], out=closest)
    return np.sort(np.array(taken))
