"""How long an annotator needs for a label, from what the log keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fewshot_lab.store import Event

LONGEST = 60.0
"""Seconds: who looks longer at an image has done something else meanwhile."""
ENOUGH = 10
NEWEST = 300
_BY_EYE = {"grid", "map", "suggestion", "suggestions", "neighbours", "suspects", "class", "search"}


@dataclass(frozen=True)
class Pace:
    """Seconds for one label, with a 95 % interval over the actions of the log.

    Attributes
    ----------
    seconds, low, high : float
    n : int
        Actions behind it.
    """

    seconds: float
    low: float
    high: float
    n: int


def pace(events: Iterable[Event], annotator: str | None = None) -> Pace | None:
    """Return the pace of the newest labels that people gave by eye; None with fewer than ten.

    Seconds from looking to labelling over images labelled, of single labels and of many at once
    alike. What a script, an import or the classifier labelled does not count.
    """
    spent: dict[int, tuple[float, int]] = {}
    for event in events:
        if event.what != "label" or event.spent_ms is None or event.machine:
            continue
        if annotator is not None and event.annotator != annotator:
            continue
        if event.view is not None and event.view not in _BY_EYE:
            continue
        if event.kind not in ("class", "unsure", "reject"):
            continue
        images = spent.get(event.position, (0.0, 0))[1] + 1
        spent[event.position] = (min(event.spent_ms / 1000, LONGEST * images), images)
    newest = np.array([spent[at] for at in sorted(spent)[-NEWEST:]], dtype=np.float64)
    if len(newest) < ENOUGH:
        return None
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(newest), np.full(len(newest), 1 / len(newest)), 500)
    seconds, images = (weights @ newest).T
    low, high = np.quantile(seconds / images, [0.025, 0.975])
    total = newest.sum(axis=0)
    return Pace(float(total[0] / total[1]), float(low), float(high), len(newest))
