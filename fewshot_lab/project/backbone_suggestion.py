"""Whether another backbone that comes with the app would serve a project's labels better.

The one place that decides it: the label page, the backbone page and the terminal show what is
kept here. Nothing switches by itself.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import find, with_stages
from fewshot_lab.project.embedded_comparison import (
    COMPARED,
    DECLINED,
    GROWTH,
    KEPT,
    LEAST,
    TAKEN,
    candidates,
    points,
)
from fewshot_lab.project.kept_studies import newest
from fewshot_lab.words import duration

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

UNASKED_SECONDS = 60.0
"""Seconds of embedding beyond which a backbone is left out, unless somebody asked for it."""
MAP_SECONDS = 30.0
"""To load a backbone and lay out a map."""

SWITCH = "FEWSHOT_LAB_COMPARE"
"""Environment variable: 0 where backbones are not to be compared unasked."""


def is_due(project: ProjectCore) -> bool:
    """Say whether backbones should be compared now, unasked; counts as begun if so."""
    if os.environ.get(SWITCH) == "0":
        return False
    store = project.store
    counts = Counter(label.class_id for label in store.labels().values() if label.teaches)
    classes = [row.id for row in store.classes()]
    n = sum(counts.values())
    if len(classes) < 2 or min(counts[c] for c in classes) < LEAST:
        return False
    if n < GROWTH * int(store.get(COMPARED) or 0) or not candidates(project):
        return False
    store.set(COMPARED, n)
    return True


def backbone_offer(project: ProjectCore) -> dict[str, Any] | None:
    """Return what a labelling person is offered: another backbone, or the way back from one.

    Returns
    -------
    dict or None
        ``kind``: "switch", "stages" (the same backbone, inner stages too) or "back"; ``backbone``
        that a click would put into use; one ``sentence``.
    """
    store, name = project.store, project.backbone_name
    before = store.get("backbone_before")
    if before and store.get(TAKEN) == name:
        sentence = f"{find(name).card.title} is in use now. Labels stayed as they were."
        return {"kind": "back", "backbone": before, "sentence": sentence}
    comparison = verdict(project)
    if comparison is None or comparison["labels"] < GROWTH * int(store.get(DECLINED) or 0):
        return None
    row = next((r for r in comparison["rows"] if r["backbone"] == comparison["better"]), None)
    if row is not None:
        sentence = (
            f"{row['title']} tells your classes apart better than the backbone in use: "
            f"{points(row)}, n = {comparison['compared']:,}. {_cost(row)}"
        )
        return {"kind": "switch", "backbone": row["backbone"], "sentence": sentence}
    return _stages(project, comparison)


def verdict(project: ProjectCore) -> dict[str, Any] | None:
    """Return the newest comparison with the backbone in use, or None."""
    comparison = newest(project, KEPT)
    same = comparison is not None and comparison.get("fingerprint") == project.backbone.fingerprint
    return comparison if same else None


def put_into_use(project: ProjectCore, name: str) -> bool:
    """Switch to a backbone that was offered; the way back is offered once it is in use.

    Returns
    -------
    bool
        False where it has to embed images first.
    """
    if project.store.get(TAKEN) == project.backbone_name:  # the way back says "no, thanks"
        decline_offer(project)
    else:
        project.store.set(TAKEN, name)
    with project.through(name) as view:
        embedded = set(view.embeddings.ids) if view.embeddings else set()
        ready = view.map is not None and set(project.store.ids()) <= embedded
    if ready:
        project.use_backbone(name)
    return ready


def decline_offer(project: ProjectCore) -> None:
    """Offer nothing until labels have grown by half."""
    comparison = newest(project, KEPT)
    project.store.set(TAKEN, None)
    if comparison is not None:
        project.store.set(DECLINED, comparison["labels"])


def _stages(project: ProjectCore, comparison: dict[str, Any]) -> dict[str, Any] | None:
    """Offer the inner stages of a backbone whose last layer alone is read."""
    staged = with_stages(project.backbone_name)
    rows = [*comparison["rows"][1:], *comparison["left_out"]]
    row = next((r for r in rows if r["backbone"] == staged), None)
    if row is None or "seconds_per_image" not in row or row.get("gain", 0.0) < 0:
        return None
    worth = f" ({points(row)}, not told apart yet)" if "gain" in row else ""
    sentence = (
        f"Only the last layer of {project.backbone.card.title} is read; its inner stages often "
        f"help{worth}. {_cost(row)}"
    )
    return {"kind": "stages", "backbone": staged, "sentence": sentence}


def _cost(row: dict[str, Any]) -> str:
    seconds = row["seconds_per_image"] * row["missing"]
    if not row["missing"]:
        return "Switching takes a moment; labels stay."
    if not seconds:
        return f"{row['missing']:,} images are embedded again; labels stay."
    n = f"{row['missing']:,} images"
    return f"To embed and map {n} takes about {duration(MAP_SECONDS + seconds)}; labels stay."
