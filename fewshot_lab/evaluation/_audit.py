"""What the randomly drawn images say about the whole pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size


def audit_estimate(
    y: NDArray[np.int64],
    predicted: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
) -> Interval:
    """Return the balanced accuracy on labelled audit images, with its interval.

    They were drawn at random and trained nothing, so this is what to expect of the pool's
    unlabelled rest, whatever decided which other images were labelled. An audit image of a class
    that the classifier does not know counts as wrong.

    Parameters
    ----------
    y, predicted : array (n,)
        Labelled and predicted class ids.
    groups : array (n,), optional
        Images of one group do not count as independent.
    """
    classes, index = np.unique(y, return_inverse=True)
    hits = (y == predicted).astype(np.float64)
    size, correct = np.zeros(len(classes)), np.zeros(len(classes))
    for k in range(len(classes)):
        mine = index == k
        size[k] = effective_size(
            hits[mine], np.flatnonzero(mine) if groups is None else groups[mine]
        )
        correct[k] = hits[mine].mean() * size[k]
    return balanced(correct, size, images=len(y))
