"""Whether the groups drawn suffice for a balanced accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

ENOUGH = 5.0
"""Groups that a class must rest on where many images of each are asked about."""


def groups_lacking(
    kind: NDArray[np.int64],
    code: NDArray[np.int64],
    classes: Iterable[int],
    *,
    groups: int,
    images: int,
) -> dict[int, int]:
    """Return the classes that rest on too few of the drawn groups, and how many more would do.

    A recall is a ratio of two totals over groups. Where a group holds mostly images of one class,
    its few others are often hard ones; and if no group is drawn that is mostly of a class, these
    few are all that is known of it: the recall is then biased, by at most its standard error times
    the coefficient of variation of the class's share in a drawn group, over the root of the number
    of groups (Hartley and Ross 1954, Nature 174; Cochran 1977, Sampling Techniques, 6.8). Five
    times the square of that coefficient is asked for, which keeps this below 0.45 standard errors.
    With one image of each group there is no such bias, whatever the groups: of ``m`` images pairs
    in one group make it, a share (m - 1) / m.

    Parameters
    ----------
    kind : array (N,)
        Class of each image of the pool, as far as known: its label, else the prediction.
    code : array (N,) of int
        Equal for images that stay together.
    classes : iterable of int
    groups, images : int
        Drawn and labelled so far.

    Returns
    -------
    dict
        Class id to further groups needed; a class of which the pool shows no image is left out.
    """
    if not groups or images <= groups or not len(kind):
        return {}
    _, unit = np.unique(code, return_inverse=True)
    size = np.bincount(unit).astype(np.float64)
    wanted = ENOUGH * (1 - groups / images)
    found = {}
    for class_id in classes:
        share = np.bincount(unit, kind == class_id) / size
        mean = float((size * share).sum() / size.sum())
        if mean <= 0:
            continue
        spread = float((size * (share - mean) ** 2).sum() / size.sum())
        lacking = math.ceil(wanted * spread / mean**2 - groups - 1e-9)
        if lacking > 0:
            found[int(class_id)] = lacking
    return found
