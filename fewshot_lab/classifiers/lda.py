"""Linear discriminant analysis with a shrunken within-class covariance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Float = NDArray[np.floating[Any]]


def discriminants(
    means: Float, within: Float, present: NDArray[np.bool_], shrinkage: float, scale: float
) -> Float:
    """Return the coefficients (p + 1, K) of means (K, p) and their spread within (p, p).

    The spread is shrunk to a multiple of the identity, ``scale``; a class that is not present
    is never the answer.
    """
    shrunk = (1 - shrinkage) * within
    shrunk.flat[:: len(within) + 1] += shrinkage * scale
    factor = cho_factor(shrunk, lower=True, overwrite_a=True, check_finite=False)
    slopes = cho_solve(factor, means.T, check_finite=False)
    offsets = np.where(present, -0.5 * np.einsum("kp,pk->k", means, slopes), -1e4)
    return np.vstack([slopes, offsets])


def fit_lda(
    Z: Float,
    y: NDArray[np.int64],
    n_classes: int,
    weights: Float,
    shrinkages: tuple[float, ...],
    *,
    dimensions: int | None = None,
) -> Float:
    """Fit discriminants with equal priors, one for each row weighting and shrinkage.

    The pooled within-class covariance S (rows weighted) is shrunk to a multiple of the identity,
    ``(1 - s) S + s tr(S)/p I``, as in Ledoit and Wolf (2004, J. Multivariate Anal. 88); ``s`` is
    given rather than estimated, since what is best for classifying is chosen by cross-validation.

    Parameters
    ----------
    Z : array (n, p)
    y : array (n,)
        Class index, 0 ... n_classes - 1.
    weights : array (J, n)
        Row weights; 0 leaves a row out.
    shrinkages : tuple of float
        Shrinkages s, in (0, 1].
    dimensions : int, optional
        Dimensions of the space, where Z are coordinates in the span of the rows only.

    Returns
    -------
    array (J, S, p + 1, K), float32
        Coefficients of the discriminants, the intercept in the last row. A class without a row
        gets an intercept of -1e4: it is never predicted.
    """
    n, p = Z.shape
    J, K = len(weights), n_classes
    dimensions = p if dimensions is None else dimensions
    out = np.zeros((J, len(shrinkages), p + 1, K), dtype=np.float32)
    indicator = np.zeros((n, K), dtype=np.float32)
    indicator[np.arange(n), y] = 1
    base = weights.max(axis=0)
    full = (Z * base[:, None]).T @ Z
    for j in range(J):
        w = weights[j]
        wk = w @ indicator
        present = wk > 0
        means = (indicator * w[:, None]).T @ Z / np.where(present, wk, 1)[:, None]
        # Where the weights are those of all rows but for a few, take away only the few.
        changed = np.flatnonzero(w != base)
        if 2 * len(changed) < n:
            part = Z[changed]
            product = full - (part * (base - w)[changed, None]).T @ part
        else:
            product = (Z * w[:, None]).T @ Z
        within = (product - (means * wk[:, None]).T @ means) / max(float(w.sum()), 1e-12)
        # With one image per class, or only duplicates, nothing is known of the spread within:
        # a quarter of the whole stands for it.
        total = float(np.trace(product)) / max(float(w.sum()), 1e-12)
        scale = max(float(np.trace(within)), 0.25 * total) / dimensions or 1.0
        for s, shrinkage in enumerate(shrinkages):
            out[j, s] = discriminants(means, within, present, shrinkage, scale)
    return out
