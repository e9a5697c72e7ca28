"""The labels of a moment: a query over the log, and its newest answer kept at hand."""

from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Select, func, select

from fewshot_lab.store._class_states import class_states, resolve
from fewshot_lab.store._database import chunks
from fewshot_lab.store._rows import Label, moment
from fewshot_lab.store._schema import actions, events, images

LABELLED = ("class", "unsure", "reject")


def latest_events(
    position: int | None = None, ordinals: Sequence[int] | None = None, *, after: int | None = None
) -> Select[tuple[int]]:
    """Select the id of the last event of each image: the latest wins.

    Parameters
    ----------
    position : int, optional
        Only events up to this position of the log.
    ordinals : sequence of int, optional
        Only events of these images.
    after : int, optional
        Only events after this position.
    """
    query = select(func.max(events.c.id).label("id")).group_by(events.c.image)
    if ordinals is not None:
        query = query.where(events.c.image.in_(ordinals))
    if position is not None:
        # By the event's own id, which the index by image holds: no row needs to be read.
        last = events.alias("last")
        until = (
            select(last.c.id)
            .where(last.c.action <= position)
            .order_by(last.c.action.desc(), last.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = query.where(events.c.id <= until)
    if after is not None:
        query = query.where(events.c.action > after)
    return query


def said_by(
    connection: Connection, position: int | None = None, ordinals: Sequence[int] | None = None
) -> dict[str, Label]:
    """Return the label of each image at a position of the log (now by default)."""
    states = _states(connection, latest_events(position, ordinals))
    targets = resolve(class_states(connection, position))
    said = {i: label for i, label in states.items() if label is not None and label.kind != "skip"}
    return _counted(said, targets)


class Present:
    """The labels as they are now, brought up to date by the events that are new.

    It holds nothing that the log does not: a query over the whole log at each call would give the
    same, only later.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._position = 0
        self._said: dict[str, Label] = {}
        self._targets: dict[int, int | None] = {}
        self._counted: dict[str, Label] = {}
        self._skipped: set[str] = set()

    def labels(self, connection: Connection) -> dict[str, Label]:
        """Return a copy of the current labels."""
        with self._lock:
            self._catch_up(connection)
            return dict(self._counted)

    def skipped(self, connection: Connection) -> set[str]:
        """Return a copy of the set of skipped images."""
        with self._lock:
            self._catch_up(connection)
            return set(self._skipped)

    def _catch_up(self, connection: Connection) -> None:
        # A reader whose snapshot began before that of the last one gets the newer answer.
        position = connection.scalar(select(func.max(actions.c.id))) or 0
        if position <= self._position:
            return
        new = _states(connection, latest_events(after=self._position))
        self._position = position
        self._skipped.difference_update(new)
        for image_id, label in list(new.items()):
            if label is not None and label.kind == "skip":
                self._skipped.add(image_id)
                new[image_id] = label = None
            if label is None:
                self._said.pop(image_id, None)
            else:
                self._said[image_id] = label
        targets = resolve(class_states(connection))
        if targets != self._targets:
            self._targets = targets
            self._counted = _counted(self._said, targets)
            return
        for image_id in new:
            self._counted.pop(image_id, None)
        said = {i: label for i, label in new.items() if label is not None}
        self._counted |= _counted(said, targets)


def _states(connection: Connection, latest: Select[tuple[int]]) -> dict[str, Label | None]:
    """Return what the selected events say, classes as they were given, None for nothing."""
    chosen = latest.subquery()
    query = (
        select(
            images.c.id,
            events.c.kind,
            events.c.class_id,
            events.c.origin,
            events.c.id,
            events.c.action,
        )
        .select_from(chosen)
        .join(events, events.c.id == chosen.c.id)
        .join(images, images.c.ordinal == events.c.image)
    )
    rows = connection.execute(query).all()
    # What undo or redo brought back is said by the event it came from.
    back = [row[3] for row in rows if row[3] != row[4] and row[1] != "clear"]
    action_of: dict[int, int] = {}
    for some in chunks(back):
        which = select(events.c.id, events.c.action).where(events.c.id.in_(some))
        action_of.update((row[0], row[1]) for row in connection.execute(which))
    by: dict[int, tuple[str, datetime, bool]] = {}
    for some in chunks(list({row[5] for row in rows} | set(action_of.values()))):
        who = select(actions.c.id, actions.c.annotator, actions.c.time, actions.c.machine)
        for action, annotator, at, machine in connection.execute(who.where(actions.c.id.in_(some))):
            by[action] = (annotator, moment(at), bool(machine))
    found: dict[str, Label | None] = {}
    for image_id, kind, class_id, origin, event_id, action in rows:
        if kind == "clear":
            found[image_id] = None
            continue
        annotator, at, machine = by[action if origin == event_id else action_of[origin]]
        found[image_id] = Label(kind, class_id, annotator, origin, at, machine)
    return found


def _counted(said: dict[str, Label], targets: dict[int, int | None]) -> dict[str, Label]:
    """Put the class that a label counts for in place of the one given; leave out what rests."""
    if all(class_id == target for class_id, target in targets.items()):
        return dict(said)
    counted = {}
    for image_id, label in said.items():
        if label.class_id is None or (target := targets[label.class_id]) == label.class_id:
            counted[image_id] = label
        elif target is not None:
            counted[image_id] = label._replace(class_id=target)
    return counted
