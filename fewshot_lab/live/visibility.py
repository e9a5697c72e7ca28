"""What one annotator may see: their own labels, and what is hidden until they have one."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.requests import Request

from fewshot_lab.live.page_state import (
    AUDIT,
    FIRST_CLASS,
    KIND_MASK,
    MACHINE,
    REJECT,
    SKIPPED,
    UNSURE,
    Codes,
    Desk,
    Roll,
)
from fewshot_lab.project import Repeats, lot, repeats_of
from fewshot_lab.store import Label, Team

WAITING = 6
"""How many images that others have labelled are mixed into one list of suggestions."""
EVERY = 4
"""Among how many suggestions one of those stands."""
RANDOM = "drawn at random, to measure the accuracy"


@dataclass(frozen=True)
class Sight:
    """The project through the eyes of one annotator, at one position of the log.

    Attributes
    ----------
    codes : Codes
        Labels as this annotator sees them.
    hidden : array (n,) of bool or None
        Images of which nobody else's label is shown; None where everything is.
    veiled : array (n,) of bool or None
        Images of which no prediction is shown, nor anything that follows from one.
    repeats : dict
        Images that come back as if unlabelled, with the event of the label that is hidden.
    waiting : list of int
        Rows that others have labelled and that are theirs to label, too.
    mine : array (n,) of bool or None
        Images that are theirs to label; None for all.
    reasons : bool
        Whether suggestions may say why.
    own_log : bool
        Whether the history shows nothing but their own actions.
    """

    annotator: str
    team: Team
    codes: Codes
    hidden: np.ndarray | None = None
    veiled: np.ndarray | None = None
    repeats: dict[str, int] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    mine: np.ndarray | None = None
    reasons: bool = True
    own_log: bool = False

    def unseen(self, roll: Roll) -> set[str]:
        """Return the ids of the images whose labels by others are hidden."""
        if self.hidden is None:
            return set()
        return {roll.ids[row] for row in np.flatnonzero(self.hidden)}

    def hides(self, roll: Roll, image_id: str) -> bool:
        """Say whether others' labels of an image are hidden."""
        row = roll.row.get(image_id)
        return self.hidden is not None and row is not None and bool(self.hidden[row])

    def veils(self, roll: Roll, image_id: str) -> bool:
        """Say whether an image is labelled blind and has no label of this annotator yet."""
        row = roll.row.get(image_id)
        return self.veiled is not None and row is not None and bool(self.veiled[row])

    def conceals(self, roll: Roll, image_id: str) -> bool:
        """Say whether the prediction of an image is hidden, and whatever tells of the truth."""
        row = roll.row.get(image_id)
        if row is None:
            return False
        code = int(self.codes.codes[row])
        if code & AUDIT and not code & KIND_MASK:
            return True
        return self.veils(roll, image_id)


def who(request: Request) -> str:
    """Return who asks; somebody unknown has labelled nothing and is shown least."""
    return request.query_params.get("annotator", "")


def sight(desk: Desk, roll: Roll, annotator: str) -> Sight:
    """Return what an annotator sees now."""
    base = desk.codes(roll)
    team = desk.project.store.team()
    if not (team.split or team.double or team.blind or team.repeats):
        return Sight(annotator, team, base)
    key = (base.version, team)
    kept = desk.sights.get(annotator)
    if kept is not None and kept[0] == key:
        found: Sight = kept[1]
        return found
    made = _look(desk, roll, annotator, team, base)
    desk.sights[annotator] = (key, made)
    return made


def _look(desk: Desk, roll: Roll, annotator: str, team: Team, base: Codes) -> Sight:
    project, store = desk.project, desk.project.store
    n = len(roll.ids)
    duties = project.team.assignment.duties(team, annotator)
    apart, blind = duties.apart[:n], duties.blind[:n]
    opinions = store.opinions()
    own = np.zeros(n, dtype=np.uint16)
    others = np.zeros(n, dtype=np.int64)
    for image_id, by in opinions.items():
        if (row := roll.row.get(image_id)) is None:
            continue
        if annotator in by:
            own[row] = _code(by[annotator])
        others[row] = len(by) - (annotator in by)
    skipped = np.zeros(n, dtype=bool)
    for image_id in store.skipped_by(annotator):
        if (row := roll.row.get(image_id)) is not None:
            skipped[row] = True
    own[skipped] |= SKIPPED
    repeats = _repeats(desk, team, annotator)
    again = np.zeros(n, dtype=bool)
    for image_id in repeats:
        if (row := roll.row.get(image_id)) is not None:
            again[row] = True
    codes = np.where(apart, own | (base.codes & AUDIT), base.codes)
    codes[again] &= AUDIT
    answered = (own & KIND_MASK) != 0
    hidden = (apart & ~answered) | again
    veiled = blind & (~answered | again)
    waiting = duties.several[:n] & duties.mine[:n] & ~answered & ~skipped
    waiting &= (others > 0) & (others < team.per_image)
    rows = sorted(
        np.flatnonzero(waiting).tolist(), key=lambda row: lot(f"wait {annotator}", roll.ids[row])
    )
    stamp = hashlib.blake2b(
        repr((annotator, team, sorted(repeats))).encode(), digest_size=5
    ).hexdigest()
    view = Codes(f"{base.version}.{stamp}", base.position, codes.astype(np.uint16))
    desk.remember(view)
    return Sight(
        annotator=annotator,
        team=team,
        codes=view,
        hidden=hidden,
        veiled=veiled,
        repeats=repeats,
        waiting=rows,
        mine=duties.mine[:n] if team.split else None,
        reasons=not (team.blind or team.repeats),
        own_log=bool(team.blind or team.double),
    )


def _code(label: Label) -> int:
    code = FIRST_CLASS + label.class_id if label.class_id is not None else UNSURE
    if label.kind == "reject":
        code = REJECT
    return code | (MACHINE if label.machine else 0)


def _repeats(desk: Desk, team: Team, annotator: str) -> dict[str, int]:
    if not team.repeats or not annotator:
        return {}
    kept = desk.repeats.get(annotator)
    if kept is None or kept[0] != team:
        found: Repeats | None = repeats_of(desk.project.store, team, annotator)
        kept = desk.repeats[annotator] = (team, found)
    return kept[1].due(desk.project.store) if kept[1] is not None else {}


def suggestions(roll: Roll, listed: list[dict[str, Any]], seen: Sight) -> list[dict[str, Any]]:
    """Return the suggestions that are for one annotator, with what is due of them mixed in.

    Parameters
    ----------
    roll : Roll
    listed : list of dict
        The project's suggestions as the page gets them.
    seen : Sight
    """
    if seen.hidden is None:
        return listed
    codes = seen.codes.codes
    kept = []
    for each in listed:
        row = roll.row.get(each["id"])
        if row is None or codes[row] & KIND_MASK:
            continue
        if seen.mine is None or seen.mine[row]:
            kept.append(each)
    there = {each["id"] for each in kept}
    extra = [roll.ids[row] for row in seen.waiting[:WAITING]]
    extra += list(seen.repeats)
    extra = [image_id for image_id in extra if image_id not in there]
    # In an order that tells nothing of which is which.
    extra.sort(key=lambda image_id: lot(f"mix {seen.annotator}", image_id))
    found = []
    for at in range(len(kept) + len(extra)):
        turn = extra and (at % EVERY == EVERY - 2 or not kept)
        found.append(_extra(roll, extra.pop(0), seen) if turn else kept.pop(0))
    if seen.reasons:
        return found
    return [
        {**each, "reason": RANDOM if each["audit"] else "", "strategy": None, "classes": []}
        for each in found
    ]


def _extra(roll: Roll, image_id: str, seen: Sight) -> dict[str, Any]:
    audit = bool(seen.codes.codes[roll.row[image_id]] & AUDIT)
    reason = RANDOM if audit else "labelled by several, to measure how far people agree"
    strategy = "repeat" if image_id in seen.repeats else "several"
    return {
        "id": image_id, "reason": reason, "strategy": strategy, "audit": audit, "classes": [],
    }  # fmt: skip
