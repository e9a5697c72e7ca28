"""The one rule of which images must not train."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fewshot_lab.project.grouping import Grouping


def held_out(grouping: Grouping, audit: Iterable[str]) -> NDArray[np.bool_]:
    """Return which images of a project must not train (n,).

    Test and audit images, what stays together with them (whether it is embedded or not), and
    near-duplicates of theirs in another group. Of the others those train whose label counts:
    :class:`fewshot_lab.project.labels_as_arrays.LabelArrays`.

    Parameters
    ----------
    grouping : Grouping
        Of all n images, with the test set.
    audit : iterable of str
        The audit set.
    """
    tested = grouping.test.copy()
    rows = grouping.rows(audit)
    tested[rows[rows >= 0]] = True
    code = grouping.joined.code
    held = np.isin(code, code[tested])
    a, b = grouping.apart.T
    held[a[tested[b]]] = True
    held[b[tested[a]]] = True
    return np.asarray(held)
