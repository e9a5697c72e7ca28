"""Vectors that are drawn: clusters of different size and shape, as real embeddings have them."""

from collections.abc import Iterator

import numpy as np

BLOCK = 10_000
CLUSTERS = 24


def blocks(n: int, d: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield fp16 vectors (b, d) and the cluster of each (b,), n in all.

    Clusters lie in 20 directions, with noise in all; each varies in few directions a lot and in
    many a little.
    """
    random = np.random.default_rng(0)
    directions = random.normal(size=(20, d)).astype(np.float32)
    which = random.choice(CLUSTERS, n, p=random.dirichlet(np.full(CLUSTERS, 3.0)))
    centres = random.normal(size=(CLUSTERS, 20)).astype(np.float32)
    widths = random.uniform(0.3, 1.2, size=(CLUSTERS, 20)).astype(np.float32)
    widths = random.permuted(widths * 0.7 ** np.arange(20, dtype=np.float32), axis=1)
    for start in range(0, n, BLOCK):
        rows = which[start : start + BLOCK]
        inner = random.normal(size=(len(rows), 20)).astype(np.float32)
        factors = centres[rows] + widths[rows] * inner
        noise = random.normal(size=(len(rows), d)).astype(np.float32)
        yield (factors @ directions + 0.8 * noise).astype(np.float16), rows


def drawn(n: int, d: int) -> np.ndarray:
    """Return fp16 vectors (n, d)."""
    return np.concatenate([vectors for vectors, _ in blocks(n, d)])
