"""Errors that are worse than others: the class of least expected cost.

numpy only: predict.py in a bundle carries this text.
"""

import numpy as np

from fewshot_lab.errors import FewshotLabError


def choose(probabilities: np.ndarray, costs: np.ndarray | None = None) -> np.ndarray:
    """Return the column decided for each picture (n,).

    Parameters
    ----------
    probabilities : array (n, K)
    costs : array (K, K), optional
        What it costs to call the class of a row that of a column: 0 on the diagonal, 1 for an
        ordinary error. The least expected cost decides; without them the most probable class.
    """
    if costs is None:
        return np.asarray(probabilities.argmax(axis=1))
    return np.asarray((probabilities.astype(np.float64) @ costs).argmin(axis=1))


def certainty(
    probabilities: np.ndarray, best: np.ndarray, costs: np.ndarray | None = None
) -> np.ndarray:
    """Return how sure each decision is (n,), 0 to 1: what a threshold is put on.

    Without costs the probability of the class; with them 1 less its expected cost as a share of
    that of the worst error, which with equal costs is the same.
    """
    rows = np.arange(len(probabilities))
    if costs is None:
        return np.asarray(probabilities[rows, best])
    expected = (probabilities.astype(np.float64) @ costs)[rows, best]
    return np.asarray(1 - expected / costs.max())


def check_costs(costs: np.ndarray, classes: int) -> np.ndarray:
    """Return a matrix of costs, or refuse it.

    Raises
    ------
    FewshotLabError
        For another size than classes by classes, a cost on the diagonal, or none off it.
    """
    costs = np.asarray(costs, dtype=np.float64)
    if costs.shape != (classes, classes):
        size = " x ".join(str(n) for n in costs.shape)
        raise FewshotLabError(
            f"The costs are a table of {size}, and there are {classes} classes: give one row and "
            "one column for each class."
        )
    off = costs[~np.eye(classes, dtype=bool)]
    if np.diag(costs).any() or not np.isfinite(off).all() or (off <= 0).any():
        raise FewshotLabError("A right answer costs 0 and every error a number above 0.")
    return costs
