"""What is held to be true of a project's images, and its groups in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import Embedded

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


def truth_of(project: ProjectCore, labels: str) -> dict[str, str]:
    """Return the class name held to be true of each image that has a label of a kind.

    Parameters
    ----------
    labels : {"reference", "own"}
        Reference labels, or what people said (the audit set's labels, too).
    """
    store = project.store
    if labels == "reference":
        return {row.id: row.reference for row in store.images() if row.reference is not None}
    if labels != "own":
        raise FewshotLabError(f"labels is {labels!r}: reference or own.")
    names = {row.id: row.name for row in store.classes(include_retired=True)}
    return {
        image_id: names[label.class_id]
        for image_id, label in store.labels().items()
        if label.class_id is not None and label.teaches
    }


def embedded_of(
    project: ProjectCore, backbones: Sequence[str], truth: Mapping[str, str]
) -> tuple[list[str], list[Embedded]]:
    """Return the images with a label that every backbone has embedded, and their embeddings."""
    with ExitStack() as stack:
        views = {
            name: stack.enter_context(project.through(name)) for name in dict.fromkeys(backbones)
        }
        ids = sorted(truth)
        for view in views.values():
            there = set(view.require_embeddings().ids)
            ids = [i for i in ids if i in there]
        embedded = [
            Embedded(
                name,
                view.backbone.fingerprint,
                view.require_embeddings().matrix(ids).astype(np.float32),
                view.require_embeddings().parts,
            )
            for name, view in views.items()
        ]
    return ids, embedded


def as_known(project: ProjectCore, ids: Sequence[str], result: dict[str, Any]) -> dict[str, Any]:
    """Return a result whose leak check names groups as the project does.

    It counts none where near-duplicates alone make them.
    """
    sentence = str(result["leak_check"])
    counted = re.match(r"[\d,]+ groups; none on both sides\.", sentence)
    if counted is None:
        return result
    if project.splits.in_named_group(ids).any():
        named = sentence.replace(" groups;", f" {project.splits.rule.noun}s;", 1)
        return result | {"leak_check": named}
    alone = "No groups are known: images of one patient may be on both sides, near-duplicates not."
    return result | {"leak_check": alone + sentence[counted.end() :]}
