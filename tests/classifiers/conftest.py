import numpy as np
import pytest


def blobs(n_per_class, *, d=48, spread=1.0, seed=0, positive=False):
    """Classes around centres of their own; returns X (n, d), y (n,) of class ids 3, 5, 7, ..."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(n_per_class), d))
    X, y = [], []
    for k, n in enumerate(n_per_class):
        X.append(centres[k] + spread * rng.normal(size=(n, d)))
        y += [3 + 2 * k] * n
    X = np.concatenate(X).astype(np.float32)
    if positive:
        X = np.maximum(X, 0)
    order = rng.permutation(len(y))
    return X[order], np.array(y)[order]


@pytest.fixture(name="blobs")
def blobs_fixture():
    return blobs
