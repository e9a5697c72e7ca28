"""The two classes that an annotator wants to be told apart: their suggestions dwell on them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder

SETTING = "class_pairs"
ClassPair = tuple[int, int]

_lock = Lock()


def class_pairs(project: ProjectFolder) -> dict[str, ClassPair]:
    """Return the pair of class ids by annotator; a class of it may be gone by now."""
    return {name: (a, b) for name, (a, b) in (project.store.get(SETTING) or {}).items()}


def set_class_pair(project: ProjectFolder, annotator: str, pair: ClassPair | None) -> None:
    """Let an annotator's suggestions dwell on two classes; None: as the strategy has it.

    Raises
    ------
    FewshotLabError
        For one class twice, or a class that is not in the list.
    """
    if pair is not None:
        names = {row.id: row.name for row in project.store.classes()}
        if pair[0] == pair[1]:
            raise FewshotLabError("To tell two classes apart, choose two different ones.")
        if not set(pair) <= set(names):
            raise FewshotLabError(
                "One of these two is no longer in the list of classes: choose two of those there."
            )
    with _lock:
        pairs = class_pairs(project)
        pairs.pop(annotator, None)
        project.store.set(SETTING, pairs if pair is None else {**pairs, annotator: pair})
