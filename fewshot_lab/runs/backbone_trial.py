"""Another backbone beside the one in use: its map and its few-shot curve, before one switches."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.files import read_json, write_json
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore

SHOTS = (1, 2, 5, 10, 25, 50, 100)
DRAWS = 10
LEAST = 6
"""Labelled images of a class that a curve needs: two thirds to draw from, a third to test."""


def try_backbone(project: ProjectCore, name: str, *, progress: Progress = silent) -> dict[str, Any]:
    """Embed the images by another backbone, lay out its map, and compare both on the same labels.

    The backbone in use stays in use, and what it has not embedded yet is embedded, too;
    :meth:`Project.use_backbone` switches.

    Parameters
    ----------
    project
    name
        Of the registry, or a file.

    Returns
    -------
    dict
        ``before`` and ``after`` (names), and ``curve`` as :meth:`Project.nshot` returns it, or None
        with a ``reason``. Kept; :func:`read_trial` reads it.

    Raises
    ------
    FewshotLabError
    Stopped
    """
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.project import Studies

    for each in (project.backbone_name, name):
        with project.through(each) as view:
            view.embed(progress=progress)
            view.make_map(progress=progress)
            fingerprint = view.backbone.fingerprint
    trial: dict[str, Any] = {
        "before": project.backbone_name,
        "after": name,
        "made": time.time(),
        "curve": None,
        "reason": "",
    }
    kind, sizes = _labels(project)
    if len(sizes) < 2:
        trial["reason"] = (
            f"A few-shot curve needs two classes with {LEAST} labelled images each; there are "
            f"{len(sizes)}."
        )
    else:
        smallest = min(sizes) * 2 // 3
        shots = tuple(n for n in SHOTS if n <= smallest)
        trial["curve"] = Studies(project).few_shot(
            [project.backbone_name, name],
            protocol=Protocol(shots, DRAWS, LEAST, ("default",)),
            labels=kind,
            progress=progress,
        )
    write_json(_file(project, fingerprint), trial)
    return trial


def read_trial(project: ProjectCore, name: str) -> dict[str, Any] | None:
    """Return what :func:`try_backbone` kept of a backbone, or None."""
    from fewshot_lab.backbones import find

    return read_json(_file(project, find(name).fingerprint))


def _labels(project: ProjectCore) -> tuple[str, list[int]]:
    """Return which labels to compare on, and the sizes of the classes that are large enough.

    People's own where they are enough, else reference labels.
    """
    own = Counter(
        label.class_id
        for label in project.store.labels().values()
        if label.class_id is not None and not label.machine
    )
    sizes = [n for n in own.values() if n >= LEAST]
    if len(sizes) >= 2:
        return "own", sizes
    reference = Counter(row.reference for row in project.store.images() if row.reference)
    return "reference", [n for n in reference.values() if n >= LEAST]


def _file(project: ProjectCore, fingerprint: str) -> Path:
    return project.folder / "trials" / f"{fingerprint}.json"
