"""A learning curve: what was measured, and what lies ahead."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats import Interval, PowerLaws

Float = NDArray[np.float64]

NEXT = 50
"""Labels, of all classes, that the advice speaks of; of one class:"""
NEXT_OF_CLASS = 20
LEVEL = 0.8
"""Of the intervals for gains: they hold the real gain in four of five cases."""


@dataclass(frozen=True)
class Band:
    """A figure and its interval; ``low`` and ``high`` are NaN where nothing is known."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, replicates: Float, level: float) -> Band:
        """Take the middle of the replicates as the interval."""
        low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
        return cls(float(value), float(min(low, value)), float(max(high, value)))

    def around(self, other: Interval) -> Band:
        """Return the same value with an interval that holds another one, too.

        The bootstrap knows no error that it has not seen; the score interval does.
        """
        return Band(self.value, min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class ClassCurve:
    """What is known of one class.

    Attributes
    ----------
    class_id : int
    n : int
        Labels that train.
    tested : int
        Images by which its recall is measured.
    recall : tuple of Band
        At the sizes of the whole curve, 95 %.
    gain : Band or None
        Of its recall by :data:`NEXT_OF_CLASS` more labels of this class alone; None with too
        few to say.
    """

    class_id: int
    n: int
    tested: int
    recall: tuple[Band, ...]
    gain: Band | None


@dataclass(frozen=True)
class LearningCurve:
    """Balanced accuracy against the number of labels, and where it goes.

    Attributes
    ----------
    basis : "audit" or "labels"
        What it is tested on: labelled audit images, or labelled images held out in turn.
    labels : int
        Labels that train now.
    sizes : tuple of int
        Training labels at the measured points.
    accuracy : tuple of Band
        Balanced accuracy there, 95 %.
    ahead : tuple of (int, Band)
        Extrapolated, 95 % of the curve itself: from the last measured point to twice the labels.
    trains : int
        Of the next :data:`NEXT` labels those that train; the others are drawn to measure.
    gain : Band
        Of balanced accuracy by these; holds what comes with probability :data:`LEVEL`.
    tested : int
        Images.
    classes : tuple of ClassCurve
    name : str
        The classifier.
    repeats : int
    scaled : bool
        Whether errors on labelled images were scaled to those on the audit images.
    picked : bool
        Whether gains are those of labels picked by doubt.
    """

    basis: str
    labels: int
    sizes: tuple[int, ...]
    accuracy: tuple[Band, ...]
    ahead: tuple[tuple[int, Band], ...]
    trains: int
    gain: Band
    tested: int
    classes: tuple[ClassCurve, ...]
    name: str = ""
    repeats: int = 0
    scaled: bool = False
    picked: bool = False
    curves: PowerLaws | None = field(default=None, repr=False, compare=False)
