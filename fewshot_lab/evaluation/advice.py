"""What the next labels are worth, in words and as JSON; and when to stop."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fewshot_lab.classifiers import TITLES
from fewshot_lab.evaluation.curves import (
    LEVEL,
    NEXT,
    NEXT_OF_CLASS,
    Band,
    ClassCurve,
    LearningCurve,
)
from fewshot_lab.evaluation.labelling_time import Pace

DONE_VALUE, DONE_HIGH = 0.005, 0.015
"""The curve is flat where so little is expected, and more is unlikely; of one class's recall:"""
DONE_HIGH_OF_CLASS = 0.03
GOOD_RECALL = 0.8
"""A class that is hardly recognised is not done, flat as its curve may be."""


@dataclass(frozen=True)
class Advice:
    """A learning curve with the log's position that it was measured at, and what it means.

    Attributes
    ----------
    position : int
    curve : LearningCurve or None
        None while the labels are too few.
    names : mapping
        Class id to name.
    labelled : sequence of int
        Class ids that have a label; the curve leaves out those with too few.
    pace : Pace or None
    seconds : float
        What it took to compute.
    """

    position: int
    curve: LearningCurve | None
    names: Mapping[int, str]
    labelled: Sequence[int] = ()
    pace: Pace | None = None
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether more labels of the same kind promise next to nothing."""
        return self.curve is not None and not self.left_out and is_flat(self.curve.gain)

    @property
    def left_out(self) -> list[str]:
        """The names of the classes that have too few labels for the curve."""
        measured = {each.class_id for each in self.curve.classes} if self.curve else set()
        return [self.names.get(k, str(k)) for k in self.labelled if k not in measured]

    @property
    def sentence(self) -> str:
        """What the next labels are worth."""
        if self.curve is None:
            return (
                "Before a curve can be drawn, two classes need four labels each, of two groups "
                "(slides, patients) or more."
            )
        gain = self.curve.gain
        worth = f"{about(gain)} of balanced accuracy ({points(gain)}, in 4 of 5 cases)"
        if self.done:
            return f"Little gain expected: the next {NEXT} labels are worth {worth}."
        without = ""
        if self.left_out:
            without = (
                f" Not counted, because fewer than four labels train: {', '.join(self.left_out)}."
            )
        return f"The next {NEXT} labels are worth {worth}{self._minutes(NEXT)}.{without}"

    def _minutes(self, labels: int) -> str:
        if self.pace is None:
            return ""
        minutes = [labels * seconds / 60 for seconds in _seconds(self.pace).values()]
        if minutes[2] < 1:
            return " and take less than a minute"
        if minutes[0] < 1:
            return " and take about a minute"
        digits = 0 if minutes[2] - minutes[1] >= 1.5 else 1
        spoken = (f"{max(0.1, m):.{digits}f}" for m in minutes)
        return " and take some {} minutes ({}–{})".format(*spoken)

    def of_class(self, curve: ClassCurve) -> str:
        """Return the advice for one class."""
        name = self.names.get(curve.class_id, str(curve.class_id))
        if curve.gain is None:
            why = f"{curve.n} labels, {curve.tested} to measure by"
            return f"{name}: too few to say ({why})"
        if is_flat(curve.gain, DONE_HIGH_OF_CLASS):
            return f"{name}: done" if _is_done(curve) else f"{name}: no gain expected"
        return (
            f"{name}: {NEXT_OF_CLASS} more labels are worth {about(curve.gain)} "
            f"of its recall ({points(curve.gain)})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; points are 0.01 of accuracy, gains shares of 1."""
        curve = self.curve
        figures: dict[str, Any] = {
            "position": self.position,
            "sentence": self.sentence,
            "done": self.done,
            "seconds_per_label": None,
        }
        minutes = None
        if self.pace is not None:
            seconds = _seconds(self.pace)
            minutes = {key: round(NEXT * s / 60, 1) for key, s in seconds.items()}
            rounded = {key: round(s, 2) for key, s in seconds.items()}
            figures["seconds_per_label"] = {**rounded, "n": self.pace.n}
        if curve is None:
            return figures | {"next": None, "sizes": [], "classes": []}
        return figures | {
            "next": {
                "labels": NEXT,
                "trains": curve.trains,
                "gain": _band(curve.gain),
                "level": LEVEL,
                "minutes": minutes,
            },
            "basis": curve.basis,
            "tested_on": tested_on(curve),
            "tested": curve.tested,
            "labels": curve.labels,
            "classifier": TITLES.get(curve.name, curve.name),
            "repeats": curve.repeats,
            "sizes": [
                {"labels": n, "balanced_accuracy": _band(a)}
                for n, a in zip(curve.sizes, curve.accuracy, strict=True)
            ],
            "ahead": [{"labels": n, "balanced_accuracy": _band(a)} for n, a in curve.ahead],
            "classes": [
                {
                    "class_id": each.class_id,
                    "name": self.names.get(each.class_id, str(each.class_id)),
                    "labels": each.n,
                    "tested": each.tested,
                    "recall": [_band(r) for r in each.recall],
                    "next": None
                    if each.gain is None
                    else {"labels": NEXT_OF_CLASS, "gain": _band(each.gain), "level": LEVEL},
                    "flat": each.gain is not None and is_flat(each.gain, DONE_HIGH_OF_CLASS),
                    "done": _is_done(each),
                    "advice": self.of_class(each),
                }
                for each in curve.classes
            ],
        }


def _seconds(pace: Pace) -> dict[str, float]:
    return {"value": pace.seconds, "low": pace.low, "high": pace.high}


def _is_done(curve: ClassCurve) -> bool:
    flat = curve.gain is not None and is_flat(curve.gain, DONE_HIGH_OF_CLASS)
    return flat and curve.recall[-1].value >= GOOD_RECALL


def is_flat(gain: Band, high: float = DONE_HIGH) -> bool:
    """Say whether a gain is next to nothing, and is sure to be little."""
    return gain.value < DONE_VALUE and gain.high < high


def about(gain: Band) -> str:
    """Return "about 1 point", "about 2.5 points", "less than half a point"."""
    value = 100 * gain.value
    if value < 0.5:
        return "less than half a point"
    text = f"{value:.1f}" if value < 3 else f"{value:.0f}"
    text = text.removesuffix(".0")
    return f"about {text} {'point' if text == '1' else 'points'}"


def points(gain: Band) -> str:
    """Return "0.4–3.1" in points."""
    low, high = (f"{100 * v:.1f}" for v in (gain.low, gain.high))
    low, high = ("0.0" if v == "-0.0" else v.replace("-", "−") for v in (low, high))
    return f"{low} to {high}" if gain.low < 0 else f"{low}–{high}"


def tested_on(curve: LearningCurve) -> str:
    """Return what the curve is tested on, in words."""
    if curve.basis == "audit":
        return f"{curve.tested:,} audit images, drawn at random and never trained on"
    if curve.scaled:
        return (
            f"{curve.tested:,} labelled images left out in turn, their errors scaled to those on "
            "the audit images, because suggestions pick hard ones"
        )
    return f"{curve.tested:,} labelled images left out in turn"


def _band(band: Band) -> dict[str, float | None]:
    def number(value: float) -> float | None:
        return round(value, 5) if math.isfinite(value) else None

    return {"value": number(band.value), "low": number(band.low), "high": number(band.high)}
