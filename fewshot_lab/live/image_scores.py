"""What the classifier says of every image, as far as one annotator may see it."""

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live.blinding import Visibility
from fewshot_lab.live.label_codes import FIRST_CLASS, KIND_MASK
from fewshot_lab.live.page_state import PageState
from fewshot_lab.live.snapshot import Snapshot

NO_CLASS, UNLIKE = 255, 254
"""In place of a class: none is predicted; none is named, as nothing labelled is like the image."""


def image_scores(
    state: PageState, snapshot: Snapshot, visibility: Visibility
) -> dict[str, NDArray[np.integer]]:
    """Return what the classifier says of every image, as whole numbers.

    Returns
    -------
    dict
        ``predicted`` (n,) uint8: place in ``snapshot.class_ids``, 255 for none, 254 for an image
        without a class that is unlike anything labelled;
        ``confidence`` (n,) uint16: its probability, 65535 for 1;
        ``doubt`` (n,) uint8: how much it disagrees with the image's label, 255 for wholly.
    """
    order, codes = visibility.order, visibility.codes.codes
    n = len(codes)
    predicted = np.full(n, NO_CLASS, dtype=np.uint8)
    confidence = np.zeros(n, dtype=np.uint16)
    doubt = np.zeros(n, dtype=np.uint8)
    P = snapshot.probabilities
    if P is not None and len(snapshot.class_ids):
        rows = state.rows_of(snapshot.ids, order)
        here = rows >= 0
        rows, P = rows[here], P[here]
        place = np.full(max(snapshot.class_ids) + 2, NO_CLASS, dtype=np.int64)
        places = np.arange(len(snapshot.class_ids))  # a byte holds no more classes
        place[list(snapshot.class_ids)] = np.where(places < UNLIKE, places, NO_CLASS)
        predicted[rows] = place[np.asarray(snapshot.predicted)[here]]
        confidence[rows] = np.round(np.clip(snapshot.confidence[here], 0, 1) * 65535)
        unlike = _unlike(snapshot, visibility) & (predicted != NO_CLASS)
        predicted[unlike] = UNLIKE
        confidence[unlike] = 0

        kind = (codes[rows] & KIND_MASK).astype(np.int64)
        label = np.where(kind >= FIRST_CLASS, kind - FIRST_CLASS, len(place) - 1)
        column = place[np.minimum(label, len(place) - 1)]
        known = column != NO_CLASS
        of_label = P[np.flatnonzero(known), column[known]]
        doubt[rows[known]] = np.round((1 - np.clip(of_label, 0, 1)) * 255)
        # For labelled images the doubt of a classifier that has not seen them weighs more.
        for suspect in snapshot.suspects:
            if (row := order.row.get(suspect.image_id)) is not None:
                doubt[row] = max(int(doubt[row]), round(255 * float(suspect.probability)))

    hidden = visibility.predictions_hidden()
    predicted[hidden] = NO_CLASS
    confidence[hidden] = 0
    if visibility.labels_hidden is not None:
        doubt[visibility.labels_hidden | hidden] = 0
    return {"predicted": predicted, "confidence": confidence, "doubt": doubt}


def _unlike(snapshot: Snapshot, visibility: Visibility) -> NDArray[np.bool_]:
    """Return which images without a class are unlike anything labelled (n,)."""
    codes = visibility.codes.codes
    unlike = visibility.order.mask(snapshot.unlike) & ((codes & KIND_MASK) < FIRST_CLASS)
    if visibility.labels_hidden is not None:
        unlike &= ~visibility.labels_hidden  # that it is not unlike tells that somebody labelled it
    return unlike
