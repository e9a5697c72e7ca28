"""Labels on which people differ: every opinion trains with its share of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shares = Sequence[tuple[tuple[int, float], ...]]
"""For each image (class id, share of the opinions); empty where all agree."""


@dataclass(frozen=True)
class SoftLabels:
    """What trains beside the label of each image, and with which weight.

    An image that two of three call a monocyte and one a lymphocyte trains as a monocyte with
    weight 2/3 and as a lymphocyte with 1/3: the cross-entropy against the shares. It is held out
    whole, and it is measured against what most say.

    Attributes
    ----------
    own : array (n,)
        Weight of each image's label.
    at : array (m,) of int
        The image that each further opinion is of.
    y : array (m,)
        What it says.
    weight : array (m,)
    """

    own: NDArray[np.float32]
    at: NDArray[np.int64]
    y: NDArray[np.int64]
    weight: NDArray[np.float32]


def soft_labels(y: NDArray[Any], shares: Shares) -> SoftLabels | None:
    """Return what the shares of opinions make of labels; None where all agree.

    A class that is nobody's first choice for any image is left out.

    Parameters
    ----------
    y : array (n,)
        Class id that most say of each image.
    shares : sequence (n,)
    """
    own = np.ones(len(y), dtype=np.float32)
    known = set(np.asarray(y).tolist())
    rows, class_ids, weight = [], [], []
    for row, each in enumerate(shares):
        for class_id, share in each:
            if class_id == y[row]:
                own[row] = share
            elif class_id in known:
                rows.append(row)
                class_ids.append(class_id)
                weight.append(share)
    if not rows and (own == 1).all():
        return None
    return SoftLabels(
        own,
        np.array(rows, dtype=np.int64),
        np.array(class_ids, dtype=np.int64),
        np.array(weight, dtype=np.float32),
    )
