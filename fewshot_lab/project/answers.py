"""What the log says of each annotator's own judgement, apart from what they saw of others'."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fewshot_lab.store import PILE, Event

UNUSABLE = -1
"""Stands for "reject" among class ids."""
ELSEWHERE = ("import", "script")
"""Views whose labels were made outside of the app, without a look at the labels in it."""
PROMPTED = ("suspects", "adjudication", PILE)
"""Views in which an image is shown because of what others, or the classifier, say of it."""


@dataclass
class Look:
    """One label that somebody gave an image.

    Attributes
    ----------
    value : int or None
        The class it counts for now, -1 for unusable, None for no answer (unsure, cleared, rests).
    apart : bool
        Nobody else's label of the image was in sight.
    single : bool
        It was labelled on its own, not with others in one stroke.
    """

    event: Event
    value: int | None
    apart: bool
    single: bool


@dataclass
class Record:
    """All that one annotator said of one image."""

    looks: list[Look] = field(default_factory=list)
    origin: int | None = None

    @property
    def held(self) -> list[Look]:
        """The looks that have not been undone, in their order."""
        return [] if self.origin is None else [x for x in self.looks if x.event.id <= self.origin]

    @property
    def first(self) -> Look | None:
        """The last answer that was given without a look at anybody else's, and is no repeat."""
        looks = [
            look
            for look in self.held
            if look.apart
            and look.event.repeats is None
            and look.event.view not in PROMPTED
            and not look.event.machine
        ]
        return looks[-1] if looks and looks[-1].value is not None else None


Records = dict[str, dict[str, Record]]


def read(events: Sequence[Event], targets: Mapping[int, int | None]) -> Records:
    """Return from image id to annotator to what they said of it.

    Parameters
    ----------
    events : iterable of Event
        The whole log.
    targets : mapping
        From class id to the class it counts for; None while it rests.
    """
    records: Records = {}
    size = Counter(event.position for event in events)
    for event in events:
        by = records.setdefault(event.image_id, {})
        record = by.setdefault(event.annotator, Record())
        record.origin = event.origin
        if event.what != "label" or event.kind == "skip":
            continue
        others = any(r.held for who, r in by.items() if who != event.annotator)
        value = None
        if event.kind == "reject":
            value = UNUSABLE
        elif event.kind == "class" and event.class_id is not None:
            value = targets.get(event.class_id)
        apart = event.apart or event.view in ELSEWHERE or not others
        record.looks.append(Look(event, value, apart, size[event.position] == 1))
    return records
