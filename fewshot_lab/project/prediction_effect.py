"""What seeing the prediction first does to a label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fewshot_lab.project.answers import PROMPTED, Look, Records
from fewshot_lab.stats import Interval, difference, paired_difference, wilson
from fewshot_lab.store import TeamChange

ENOUGH = 10
"""Labels that each side needs before the two are compared."""
_STEPS = (0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Effect:
    """How much oftener a label agrees with the prediction when it was seen.

    Attributes
    ----------
    how : {"random", "alike", ""}
        Images whose prediction was hidden by lot; or images that were hidden for another reason,
        compared with others of the same confidence; or neither: no comparison.
    seen, hidden : Interval
        The share of labels that agree with the prediction, of those who saw it and who did not.
    difference : Interval or None
    paired : Interval or None
        The same of images labelled twice by one annotator, once with the prediction in sight and
        once without.
    caveat : str
        What the comparison does not rule out.
    """

    how: str
    seen: Interval
    hidden: Interval
    difference: Interval | None
    paired: Interval | None
    caveat: str


def effect_of_predictions(
    records: Records,
    audit: set[str],
    changes: Sequence[TeamChange],
    group_of: Mapping[str, str] | None,
) -> Effect:
    """Return what seeing the prediction did, as far as the log can tell.

    Parameters
    ----------
    records : Records
    audit : set of str
        Their prediction is always hidden, and they are drawn at random: not like the others.
    changes : sequence of TeamChange
        From which follows when predictions were hidden by lot.
    group_of : mapping, optional
    """
    looks = [look for by in records.values() for record in by.values() for look in record.held]
    looks = [
        look
        for look in looks
        if look.single
        and look.event.kind == "class"
        and not look.event.machine
        and look.event.repeats is None
        and look.event.view not in PROMPTED
        and (look.event.shown or look.event.concealed)
    ]
    looks = _first_of_each(looks)
    by_lot = _spans(changes)
    random = [
        look
        for look in looks
        if look.event.image_id not in audit
        and any(low < look.event.position < high for low, high in by_lot)
    ]
    how, chosen = "random", random
    if min(_counts(random)) < ENOUGH:
        how, chosen = "alike", looks
    seen = [look for look in chosen if look.event.shown]
    hidden = [look for look in chosen if look.event.concealed]
    if min(len(seen), len(hidden)) < ENOUGH:
        how = ""
    hits = [np.array([_agrees(x) for x in side], dtype=np.float64) for side in (seen, hidden)]
    estimate = None
    if how:
        groups = None
        if group_of is not None:
            groups = (_groups(seen, group_of), _groups(hidden, group_of))
        strata = (_confidence(seen), _confidence(hidden)) if how == "alike" else None
        estimate = difference(hits[0], hits[1], groups, strata)
        if not estimate.n:
            how, estimate = "", None
    return Effect(
        how=how,
        seen=wilson(float(hits[0].sum()), len(hits[0])),
        hidden=wilson(float(hits[1].sum()), len(hits[1])),
        difference=estimate,
        paired=_paired(records, group_of),
        caveat=_CAVEATS[how],
    )


_CAVEATS = {
    "random": (
        "Predictions were hidden on images drawn at random, so the two sides differ in nothing "
        "else. It tells how often labels follow the prediction, not which of the two is right."
    ),
    "alike": (
        "Predictions were not hidden at random: the two sides may differ in more than the "
        "confidence of the prediction, for which this is corrected. A blind share of 10 % settles "
        "it."
    ),
    "": (
        f"At least {ENOUGH} labels with the prediction in sight and {ENOUGH} with it hidden are "
        "needed. A blind share of 10 % brings them."
    ),
}


def _first_of_each(looks: Iterable[Look]) -> list[Look]:
    first: dict[tuple[str, str], Look] = {}
    for look in looks:
        first.setdefault((look.event.image_id, look.event.annotator), look)
    return list(first.values())


def _counts(looks: Iterable[Look]) -> tuple[int, int]:
    shown = [bool(look.event.shown) for look in looks]
    return sum(shown), len(shown) - sum(shown)


def _spans(changes: Sequence[TeamChange]) -> list[tuple[float, float]]:
    """Return between which positions of the log predictions were hidden by lot."""
    spans, end = [], float("inf")
    for change in changes:  # the newest first
        if 0 < change.team.blind < 1:
            spans.append((float(change.position), end))
        end = float(change.position)
    return spans


def _agrees(look: Look) -> bool:
    prediction = look.event.shown or look.event.concealed
    return prediction is not None and look.event.class_id == prediction[0]


def _confidence(looks: Iterable[Look]) -> np.ndarray:
    sure = [(x.event.shown or x.event.concealed or (0, 0.0))[1] for x in looks]
    return np.digitize(np.array(sure, dtype=np.float64), _STEPS)


def _groups(looks: Iterable[Look], group_of: Mapping[str, str]) -> np.ndarray:
    ids = [look.event.image_id for look in looks]
    return np.array([group_of.get(i, f"image:{i}") for i in ids], dtype=object)


def _paired(records: Records, group_of: Mapping[str, str] | None) -> Interval | None:
    """Compare looks of one annotator at one image, one of which saw the prediction."""
    seen, hidden, groups = [], [], []
    for image_id, by in records.items():
        for record in by.values():
            held = [x for x in record.held if x.event.kind == "class" and not x.event.machine]
            again = [x for x in held if x.event.repeats is not None]
            before = [x for x in held if x.event.repeats is None and x.event.view not in PROMPTED]
            if not again or not before:
                continue
            pair = (before[-1], again[0])
            if before[-1].event.id > again[0].event.id:
                pair = (before[0], again[0])
            with_it = [x for x in pair if x.event.shown]
            without = [x for x in pair if not x.event.shown]
            if len(with_it) != 1:
                continue
            prediction = with_it[0].event.shown
            assert prediction is not None
            seen.append(with_it[0].event.class_id == prediction[0])
            hidden.append(without[0].event.class_id == prediction[0])
            groups.append((group_of or {}).get(image_id, f"image:{image_id}"))
    if len(seen) < ENOUGH:
        return None
    return paired_difference(
        np.array(seen), np.array(hidden), np.array(groups, dtype=object) if group_of else None
    )
