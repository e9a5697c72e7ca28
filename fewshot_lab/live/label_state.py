"""The labels of a session at one position of the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live.session_images import Images

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore
    from fewshot_lab.store import Label


@dataclass(frozen=True)
class State:
    """The labels at one position of the log, by row of the embedded images.

    Attributes
    ----------
    position : int
    label : array (N,) of int
        Class id of images that may train, -1 for all others.
    marked : array (N,) of bool
        With any label: class (also accepted in bulk), unsure or reject.
    audit : array (N,) of bool
    held : array (N,) of bool
        Must not train: audit and test images, and what goes with them.
    labels : dict
        By image id.
    skipped : array (N,) of bool
    names : dict
        Class id to name.
    shares : dict
        Row to the shares of further opinions.
    """

    position: int
    label: NDArray[np.int64]
    marked: NDArray[np.bool_]
    audit: NDArray[np.bool_]
    held: NDArray[np.bool_]
    labels: dict[str, Label]
    skipped: NDArray[np.bool_]
    names: dict[int, str]
    shares: dict[int, tuple[tuple[int, float], ...]]


def read(project: ProjectCore, images: Images) -> State:
    """Read the labels as they are now."""
    store = project.store
    position = store.position()
    labels = store.labels()
    n = len(images.ids)
    label = np.full(n, -1, dtype=np.int64)
    marked = np.zeros(n, dtype=bool)
    audit, skipped = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    row = images.row
    for image_id in store.audit_ids():
        if image_id in row:
            audit[row[image_id]] = True
    for image_id in store.skipped():
        if image_id in row:
            skipped[row[image_id]] = True
    for image_id, told in labels.items():
        at = row.get(image_id)
        if at is None:
            continue
        marked[at] = True
        if told.teaches and told.class_id is not None:
            label[at] = told.class_id
    if store.team().rule != "latest":
        # What people disagree on waits for a senior, not for one more label.
        for image_id in store.opinions():
            if image_id in row:
                marked[row[image_id]] = True
    audit &= ~images.view.test
    # With an audit image all of its group stays out of training.
    held = images.view.held_out(audit)
    label[held] = -1
    shares = {row[i]: said.shares for i, said in labels.items() if said.shares and i in row}
    names = {row.id: row.name for row in store.classes()}
    return State(position, label, marked, audit, held, labels, skipped, names, shares)
