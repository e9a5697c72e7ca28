"""Who labelled an image, and what it is marked as: sets of names by image, as bits.

What follows from labels that are hidden from an annotator marks no image here.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live.blinding import Visibility
from fewshot_lab.live.page_state import PageState
from fewshot_lab.store import in_conflict

Bits = NDArray[np.uint32]
MOST_NAMES = 32


def visible_annotators(state: PageState, visibility: Visibility) -> tuple[list[str], Bits]:
    """Return who has an opinion of each image; those of most images, where there are too many."""
    row_of, hidden = visibility.order.row, visibility.hidden_ids()
    opinions = {
        row_of[image_id]: by
        for image_id, by in state.project.store.opinions().items()
        if image_id in row_of and image_id not in hidden
    }
    counts = Counter(name for by in opinions.values() for name in by)
    names = sorted((name for name, _ in counts.most_common(MOST_NAMES)), key=str.casefold)
    bit = {name: 1 << at for at, name in enumerate(names)}
    bits = np.zeros(len(visibility.order.ids), dtype=np.uint32)
    for row, by in opinions.items():
        bits[row] = sum(bit.get(name, 0) for name in by)
    return names, bits


def visible_flags(state: PageState, visibility: Visibility) -> tuple[list[str], Bits]:
    """Return which images are a "copy" of another, "near" another, or called different things."""
    project, order = state.project, visibility.order
    flags: dict[str, Iterable[str]] = {"copy": (), "near": ()}
    if project.embeddings is not None:
        grouping = project.splits.grouping
        for name, copies in (("copy", True), ("near", False)):
            flags[name] = [grouping.ids[k] for k in grouping.pairs.images(copies=copies).tolist()]
    by_image = project.store.opinions()
    if any(len(by) > 1 for by in by_image.values()):
        hidden = set() if visibility.is_senior else visibility.hidden_ids()
        differ = {i for i, by in by_image.items() if len(by) > 1 and in_conflict(by.values())}
        flags["differ"] = differ - hidden
    return _as_bits({name: order.mask(ids) for name, ids in flags.items()})


def _as_bits(flags: dict[str, NDArray[np.bool_]]) -> tuple[list[str], Bits]:
    bits = sum(mask.astype(np.uint32) << at for at, mask in enumerate(flags.values()))
    return list(flags), np.asarray(bits, dtype=np.uint32)
