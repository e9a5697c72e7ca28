"""Slices in their order: which files make a volume, and what is odd about it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from fewshot_lab.images.dicom_slices import SliceHeader
from fewshot_lab.images.slice_step import SliceStep
from fewshot_lab.words import count, plural

T = TypeVar("T")

SERIES, PATIENT, STUDY = "SeriesInstanceUID", "PatientID", "StudyInstanceUID"
_SAME = 0.01
"""Positions in mm that differ by less are one."""
_GAP = 1.5
"""Times the usual distance: from here on a slice is missing."""
_SKEWED = 1.0
"""Degrees between the way from slice to slice and their normal that count as a tilt."""


def as_it_is(field_name: str, value: str) -> str:
    """Return an identifier itself."""
    return value


@dataclass(frozen=True)
class VolumeRules:
    """How slices are taken in.

    Attributes
    ----------
    step : SliceStep
    code : callable
        From the name of a DICOM field and its value to what stands for it; by default the value.
    """

    step: SliceStep = field(default_factory=SliceStep)
    code: Callable[[str, str], str] = as_it_is


class Slice(NamedTuple):
    """One slice: its file and frame, and its position in mm where that is known."""

    file: Path
    frame: int
    mm: float | None


@dataclass(frozen=True)
class Volume:
    """The slices of one volume, in order.

    Attributes
    ----------
    code : str
        What stands for the volume; that of its series, with a number where a series has several.
    path : str
        The first slice's, as the project writes it.
    slices : tuple of Slice
    notes : tuple of str
        What is odd about it, a sentence each.
    """

    code: str
    path: str
    slices: tuple[Slice, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack(Generic[T]):
    """What belongs to the slices of one volume, in order; and what is odd about it."""

    series: str
    number: int
    members: tuple[T, ...]
    headers: tuple[SliceHeader, ...]
    notes: tuple[str, ...]

    @property
    def positions(self) -> list[float | None]:
        """Where the slices lie, in mm; None for all where one does not say."""
        places = [header.position for header in self.headers]
        return places if None not in places else [None] * len(places)


def stacked(slices: Iterable[tuple[T, SliceHeader]]) -> list[Stack[T]]:
    """Put the slices of many series into the order of each.

    Slices of one series that differ in size or orientation are volumes of their own; so are the
    points of time of a series that shows each position equally often. Slices are ordered by their
    position along the normal, those without one by InstanceNumber.

    Returns
    -------
    list of Stack
        Series in the order in which they came.
    """
    series: dict[str, dict[tuple[object, ...], list[tuple[T, SliceHeader]]]] = {}
    for member, header in slices:
        normal = header.normal and tuple(round(x, 2) + 0.0 for x in header.normal)
        alike = (header.rows, header.columns, normal)
        series.setdefault(header.series, defaultdict(list))[alike].append((member, header))
    stacks: list[Stack[T]] = []
    for uid, parts in series.items():
        shared = _unlike_notes(list(parts))
        number = 0
        for part in parts.values():
            for ordered, repeated in _in_order(part):
                members, headers = zip(*ordered, strict=True)
                notes = (*shared, *repeated, *_geometry_notes(headers))
                stacks.append(Stack(uid, number, members, headers, notes))
                number += 1
    return stacks


def _unlike_notes(parts: Sequence[tuple[object, ...]]) -> tuple[str, ...]:
    if len(parts) < 2:
        return ()
    sizes = dict.fromkeys((rows, columns) for rows, columns, *_ in parts)
    if len(sizes) > 1:
        named = ", ".join(f"{columns} × {rows}" for rows, columns in sizes)
        reason = f"slices of different size ({named} px)"
    else:
        reason = "slices of different orientation"
    return (f"The series holds {reason}: {count(len(parts))} volumes of one group.",)


def _in_order(
    part: list[tuple[T, SliceHeader]],
) -> list[tuple[list[tuple[T, SliceHeader]], tuple[str, ...]]]:
    """Order slices that are alike; where positions repeat, by point of time."""

    def number(item: tuple[T, SliceHeader]) -> int:
        return item[1].number if item[1].number is not None else 0

    places = [header.position for _, header in part]
    if None in places:
        return [(sorted(part, key=number), ())]
    at: dict[int, list[tuple[T, SliceHeader]]] = defaultdict(list)
    for item, place in zip(part, places, strict=True):
        at[round((place or 0.0) / _SAME)].append(item)
    columns = [sorted(at[place], key=number) for place in sorted(at)]
    times = {len(column) for column in columns}
    if times == {1}:
        return [([column[0] for column in columns], ())]
    if len(times) == 1 and len(columns) > 1:
        [n] = times
        note = f"Each position was taken {count(n)} times: {count(n)} volumes of one group."
        return [([column[k] for column in columns], (note,)) for k in range(n)]
    twice = sum(len(column) > 1 for column in columns)
    note = f"{plural(twice, 'position')} taken more than once: ordered by instance number there."
    return [([item for column in columns for item in column], (note,))]


def _geometry_notes(headers: Sequence[SliceHeader]) -> list[str]:
    places = [header.position for header in headers]
    if None in places:
        numbers = sorted({header.number for header in headers if header.number is not None})
        notes = ["No positions in the headers: ordered by instance number."]
        if numbers and (missing := numbers[-1] - numbers[0] + 1 - len(numbers)) > 0:
            notes.append(f"{plural(missing, 'slice')} missing, by their numbers.")
        return notes
    notes = []
    steps = np.diff(np.array(places, dtype=float))
    steps = steps[steps > _SAME]
    if steps.size > 1:
        usual = float(np.median(steps))
        gaps = steps[steps > _GAP * usual]
        missing = int(np.sum(np.rint(gaps / usual) - 1))
        if missing > 0:
            notes.append(
                f"{plural(missing, 'slice')} missing in {plural(len(gaps), 'gap')} "
                f"(slices lie {usual:.3g} mm apart)."
            )
    if tilt := _tilt(headers):
        notes.append(
            f"The slices are tilted by {tilt:.0f}° against the way they were taken (gantry tilt)."
        )
    return notes


def _tilt(headers: Sequence[SliceHeader]) -> float:
    """Return the angle between the slices' normal and the way from the first to the last."""
    first, last = headers[0], headers[-1]
    if first.origin is None or last.origin is None or first.normal is None:
        return 0.0
    way = np.subtract(last.origin, first.origin)
    length = float(np.linalg.norm(way))
    if length < _SAME:
        return 0.0
    cosine = min(1.0, abs(float(np.dot(way, first.normal))) / length)
    angle = float(np.degrees(np.arccos(cosine)))
    return angle if angle > _SKEWED else 0.0
