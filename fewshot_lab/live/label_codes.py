"""A label as 16 bits, which the browser reads as they are: what it is below, flags above."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live.image_order import ImageOrder
from fewshot_lab.store import Label, Store

UNSURE, REJECT, FIRST_CLASS = 1, 2, 16
KIND_MASK = 0x0FFF
SKIPPED, MACHINE, AUDIT = 0x1000, 0x2000, 0x4000


@dataclass(frozen=True)
class LabelCodes:
    """Every image's label at a position of the log, as 16-bit codes (n,).

    The version also changes with an audit draw, which is no action of the log.
    """

    version: str
    position: int
    codes: NDArray[np.uint16]


def code_of(label: Label) -> int:
    """Return the code of one label."""
    code = FIRST_CLASS + label.class_id if label.class_id is not None else UNSURE
    if label.kind == "reject":
        code = REJECT
    return code | (MACHINE if label.machine else 0)


def current_codes(store: Store, order: ImageOrder, audit: set[str]) -> NDArray[np.uint16]:
    """Return the code of every image as the project's labels are now."""
    codes = np.zeros(len(order.ids), dtype=np.uint16)
    for image_id, label in store.labels().items():
        if (row := order.row.get(image_id)) is not None:
            codes[row] = code_of(label)
    codes[order.mask(store.skipped())] |= SKIPPED
    codes[order.mask(audit)] |= AUDIT
    return codes
