"""Whether the groups drawn suffice for a balanced accuracy."""

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
    in one group make it, a share (m - 1) / m. So the coefficient is taken from pairs: how much
    oftener than by chance both images are of the class.

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
        Class id to further groups needed, 0 where the pool has not as many; a class of which the
        pool shows no image is left out.
    """
    if not groups or images <= groups or not len(kind):
        return {}
    _, unit = np.unique(code, return_inverse=True)
    size = np.bincount(unit).astype(np.float64)
    wanted = ENOUGH * (1 - groups / images)
    several = size > 1
    if not several.any():
        return {}
    lacking_by_class = {}
    for class_id in classes:
        count = np.bincount(unit, kind == class_id)
        mean = float(count.sum() / size.sum())
        if mean <= 0:
            continue
        pairs = count * (count - 1) / np.maximum(size - 1, 1)
        both = pairs[several].sum() / size[several].sum()
        lacking = math.ceil(wanted * (float(both) / mean**2 - 1) - groups - 1e-9)
        if lacking > 0:
            lacking_by_class[int(class_id)] = lacking if groups + lacking <= len(size) else 0
    return lacking_by_class
