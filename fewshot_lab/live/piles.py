"""Piles of images that one key labels, and which images such a key must leave out."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live.blinding import Visibility
from fewshot_lab.live.label_codes import AUDIT, KIND_MASK, SKIPPED
from fewshot_lab.live.page_state import PageState
from fewshot_lab.project import PilePairs, pile_pairs
from fewshot_lab.sampling import find_piles
from fewshot_lab.store import PILE, LabelAction

SURE = 0.9
"""Images that are no near-duplicates lie in one pile where all are predicted alike so surely."""
MOST = 500
"""Piles told of at once."""
AUDITED, BLIND, OTHERWISE = "drawn for the audit", "labelled blind", "labelled otherwise"


@dataclass(frozen=True)
class Pile:
    """Images that are like one of them.

    Attributes
    ----------
    image_ids : list of str
        The top image first.
    left_out : dict
        How many more are like it and have to be looked at one by one, by why.
    """

    image_ids: list[str]
    left_out: dict[str, int]


def piles_of(state: PageState, visibility: Visibility) -> list[Pile]:
    """Return the piles of images without a label that one annotator may label, the largest first.

    No image lies in a pile that was drawn for the audit or is labelled blind: that it lies there
    would tell what is predicted, and its label is to measure what is seen of it.
    """
    snapshot = state.live.snapshot
    ids = snapshot.ids
    if len(ids) < 2:
        return []
    key = state.project.backbone.fingerprint, len(ids), state.project.splits.revision
    near: PilePairs = state.cached("piles", key, lambda: pile_pairs(state.project, ids))
    rows = state.rows_of(ids, visibility.order)
    known = rows >= 0
    codes = np.where(known, visibility.codes.codes[rows], KIND_MASK)
    open_ = (codes & (KIND_MASK | SKIPPED)) == 0
    audited = open_ & ((codes & AUDIT) != 0)
    blind = open_ & ~audited & (_along(visibility.predictions_hidden(), rows))
    if visibility.labels_hidden is not None:
        blind |= open_ & ~audited & _along(visibility.labels_hidden, rows)
    free = open_ & ~audited & ~blind
    if visibility.assigned is not None:
        free &= _along(visibility.assigned, rows)
    a, b = near.pairs.T
    alike = near.near_duplicates.copy()
    if len(snapshot.class_ids):
        # What is unlike anything labelled has no prediction to be alike by.
        unlike = _along(visibility.order.mask(snapshot.unlike), rows)
        sure = (snapshot.confidence >= SURE) & ~unlike
        alike |= (snapshot.predicted[a] == snapshot.predicted[b]) & sure[a] & sure[b]
    piles = find_piles(near.pairs[alike], free, near.cosines[alike])[:MOST]
    place = np.full(len(ids), -1, np.int64)
    place[[pile[0] for pile in piles]] = np.arange(len(piles))
    left_out = [Counter[str]() for _ in piles]
    for why, mask in ((AUDITED, audited), (BLIND, blind)):
        for top, other in ((a, b), (b, a)):
            for k in place[top[(place[top] >= 0) & mask[other]]].tolist():
                left_out[k][why] += 1
    return [
        Pile([ids[r] for r in pile.tolist()], dict(out))
        for pile, out in zip(piles, left_out, strict=True)
    ]


def _along(mask: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.append(mask, False)[rows]


def seen_alone(action: LabelAction, before: Visibility) -> tuple[LabelAction, str]:
    """Return an action on a pile without the images that must be looked at one by one.

    Those are images drawn for the audit or labelled blind, perhaps only since the pile was shown,
    and images that have another label than the pile's top one, its first.

    Returns
    -------
    LabelAction
    str
        What was left out and why; "" where nothing was.

    Raises
    ------
    FewshotLabError
        Where nothing is left of it.
    """
    if action.view != PILE:
        return action, ""
    top = _kind(before, action.image_ids[0]) if action.image_ids else 0
    reasons = {i: why for i in action.image_ids if (why := _why_not(before, i, top))}
    if not reasons:
        return action, ""
    kept = [i for i in action.image_ids if i not in reasons]
    parts = ", ".join(
        f"{n} {'was' if n == 1 else 'were'} {why}" for why, n in Counter(reasons.values()).items()
    )
    sentence = f"{len(kept)} of {len(action.image_ids)} labelled; {parts}."
    if not kept:
        raise FewshotLabError(f"{sentence} Look at them one by one.")
    return replace(action, image_ids=kept), sentence


def _why_not(before: Visibility, image_id: str, top: int) -> str:
    row = before.order.row.get(image_id)
    if row is not None and before.codes.codes[row] & AUDIT:
        return AUDITED
    if before.hides_prediction(image_id) or before.hides_labels(image_id):
        return BLIND
    return OTHERWISE if _kind(before, image_id) not in (0, top) else ""


def _kind(before: Visibility, image_id: str) -> int:
    row = before.order.row.get(image_id)
    return 0 if row is None else int(before.codes.codes[row]) & KIND_MASK
