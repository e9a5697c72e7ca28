"""What to label next so that a classifier tells two classes apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, one_blas_thread
from fewshot_lab.sampling.chooser import Chooser, Suggestion, between, spread_out

LEAST = 0.1
"""An image lies between two classes where the less probable of both has at least this."""


def suggest_between(
    pair: tuple[int, int],
    pool: Pool,
    ids: Sequence[str],
    *,
    labelled: NDArray[np.int64],
    eligible: NDArray[np.bool_],
    probabilities: NDArray[np.floating[Any]],
    class_ids: Sequence[int],
    names: Sequence[str],
    groups: NDArray[np.int64] | None = None,
    n: int,
) -> list[Suggestion]:
    """Choose images whose prediction lies between two classes, spread out.

    The worth of an image is what both classes have together less their difference: twice the
    probability of the less probable one.

    Parameters
    ----------
    pair : tuple of int
        Two class ids.
    pool, ids, labelled, eligible, probabilities, class_ids, names, groups, n
        As for :func:`fewshot_lab.sampling.suggest_by`.

    Returns
    -------
    list of Suggestion
        At most ``n``: none where the classifier does not know both classes, and no image of which
        it is sure that it is neither, or only one of them.
    """
    if not set(pair) <= set(class_ids):
        return []
    a, b = (list(class_ids).index(class_id) for class_id in pair)
    chooser = Chooser(pool, labelled >= 0, eligible, groups, quota=max(1, round(n / 8)))
    worth = 2 * np.minimum(probabilities[:, a], probabilities[:, b])
    rows = np.flatnonzero(chooser.open & (worth >= 2 * LEAST))
    with one_blas_thread():
        taken = spread_out(chooser, rows, worth[rows], n)
    return [
        Suggestion(ids[row], between(names, probabilities[row], a, b), "pair", False, pair)
        for row in taken
    ]
