"""What annotators say at a moment: a query over the log, and its newest answer kept at hand.

An annotator's statement on an image is their own last event there. The label that trains follows
from the statements of all by the rule that holds at that moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, Select, func, select

from fewshot_lab.store.class_states import class_states, live_targets
from fewshot_lab.store.database import rows_where
from fewshot_lab.store.label_rows import Label
from fewshot_lab.store.queries import moment
from fewshot_lab.store.schema import actions, events, images, team_events
from fewshot_lab.store.team import Team
from fewshot_lab.store.training_label import LABELLED, counted, training_label

DECISION = "adjudication"
"""The view of an action by which a senior settles an image."""
PILE = "pile"
"""The view of an action on a pile, of which only the top image was looked at."""

Statements = dict[str, dict[str, Label]]
"""From image id to annotator to what they say now."""
_Targets = Mapping[int, int | None]


def latest_events(
    position: int | None = None, ordinals: Sequence[int] | None = None, *, after: int | None = None
) -> Select[tuple[int]]:
    """Select the id of the last event of each annotator on each image.

    Parameters
    ----------
    position : int, optional
        Only events up to this position of the log.
    ordinals : sequence of int, optional
        Only events of these images.
    after : int, optional
        Only events after this position.
    """
    query = (
        select(func.max(events.c.id).label("id"))
        .join(actions, actions.c.id == events.c.action)
        .group_by(events.c.image, actions.c.annotator)
    )
    if ordinals is not None:
        query = query.where(events.c.image.in_(ordinals))
    if position is not None:
        # By the event's own id, which the index by image holds.
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


def team_at(connection: Connection, position: int | None = None) -> Team:
    """Return what was agreed at a position of the log (now by default)."""
    query = select(team_events.c.value).order_by(team_events.c.id.desc()).limit(1)
    if position is not None:
        query = query.where(team_events.c.action <= position)
    text = connection.scalar(query)
    return Team.from_json(text) if text else Team()


def labels_at(
    connection: Connection, position: int | None = None, ordinals: Sequence[int] | None = None
) -> dict[str, Label]:
    """Return the label of each image at a position of the log (now by default)."""
    team = team_at(connection, position)
    targets = live_targets(class_states(connection, position))
    statements = statements_at(connection, position, ordinals)
    return _labels(statements, team, targets)


def opinions_at(connection: Connection, position: int | None = None) -> Statements:
    """Return each annotator's opinion of each image, at a position of the log."""
    targets = live_targets(class_states(connection, position))
    return _opinions(statements_at(connection, position), targets)


def statements_at(
    connection: Connection, position: int | None = None, ordinals: Sequence[int] | None = None
) -> Statements:
    """Return what each annotator says of each image, classes as they were given."""
    by_image: Statements = {}
    for (image_id, annotator), label in _states(
        connection, latest_events(position, ordinals)
    ).items():
        if label is not None:
            by_image.setdefault(image_id, {})[annotator] = label
    return by_image


class CurrentLabels:
    """The labels as they are now, brought up to date by the events that are new.

    It holds nothing that the log does not: a query over the whole log at each call would give the
    same, only later.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._position = 0
        self._statements: Statements = {}
        self._team = Team()
        self._targets: dict[int, int | None] = {}
        self._labels: dict[str, Label] = {}
        self._opinions: Statements = {}
        self._skipped: set[str] = set()

    def labels(self, connection: Connection) -> dict[str, Label]:
        """Return a copy of the current labels."""
        with self._lock:
            self._catch_up(connection)
            return dict(self._labels)

    def skipped(self, connection: Connection) -> set[str]:
        """Return a copy of the set of skipped images."""
        with self._lock:
            self._catch_up(connection)
            return set(self._skipped)

    def opinions(self, connection: Connection) -> Statements:
        """Return every annotator's current opinions; what is inside must not be changed."""
        with self._lock:
            self._catch_up(connection)
            return dict(self._opinions)

    def skips(self, connection: Connection, annotator: str) -> set[str]:
        """Return the images that an annotator has skipped and not labelled."""
        with self._lock:
            self._catch_up(connection)
            return {
                image_id
                for image_id, by_annotator in self._statements.items()
                if annotator in by_annotator and by_annotator[annotator].kind == "skip"
            }

    def team(self, connection: Connection) -> Team:
        """Return what is agreed now."""
        with self._lock:
            self._catch_up(connection)
            return self._team

    def _catch_up(self, connection: Connection) -> None:
        # A reader whose snapshot began before that of the last one gets the newer answer.
        position = connection.scalar(select(func.max(actions.c.id))) or 0
        if position <= self._position:
            return
        new = _states(connection, latest_events(after=self._position))
        self._position = position
        changed: dict[str, dict[str, Label]] = {}
        for (image_id, annotator), label in new.items():
            by_annotator = changed.get(image_id)
            if by_annotator is None:
                by_annotator = changed[image_id] = dict(self._statements.get(image_id, ()))
            if label is None:
                by_annotator.pop(annotator, None)
            else:
                by_annotator[annotator] = label
        self._statements.update(changed)
        team = team_at(connection)
        targets = live_targets(class_states(connection))
        if targets != self._targets or team != self._team:
            self._targets, self._team = targets, team
            self._labels = _labels(self._statements, team, targets)
            self._opinions = _opinions(self._statements, targets)
            self._skipped = _skipped(self._statements, self._labels, self._statements)
            return
        self._skipped.difference_update(changed)
        for image_id in changed:
            self._labels.pop(image_id, None)
            self._opinions.pop(image_id, None)
        self._labels |= _labels(changed, team, targets)
        self._opinions |= _opinions(changed, targets)
        self._skipped |= _skipped(changed, self._labels, changed)


def _labels(statements: Statements, team: Team, targets: _Targets) -> dict[str, Label]:
    labels = {}
    for image_id, by_annotator in statements.items():
        if (label := training_label(by_annotator.values(), team, targets)) is not None:
            labels[image_id] = label
    return labels


def _opinions(statements: Statements, targets: _Targets) -> Statements:
    opinions: Statements = {}
    for image_id, by_annotator in statements.items():
        held = {
            annotator: label
            for annotator, statement in by_annotator.items()
            if statement.kind in LABELLED and (label := counted(statement, targets)) is not None
        }
        if held:
            opinions[image_id] = held
    return opinions


def _skipped(statements: Statements, labels: Mapping[str, Label], among: Iterable[str]) -> set[str]:
    """Return which images have no label, the newest statement about them being a skip."""
    skipped = set()
    for image_id in among:
        if image_id in labels or not statements[image_id]:
            continue
        newest = max(statements[image_id].values(), key=lambda label: label.event_id)
        if newest.kind == "skip":
            skipped.add(image_id)
    return skipped


def _states(
    connection: Connection, latest: Select[tuple[int]]
) -> dict[tuple[str, str], Label | None]:
    """Return what the selected events say, by image and annotator; None for nothing."""
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
    back = [row[3] for row in rows if row[3] != row[4] and row[3] is not None]
    which = select(events.c.id, events.c.action)
    action_of: dict[int, int] = dict(rows_where(connection, which, events.c.id, back))
    by: dict[int, tuple[str, datetime, bool, str | None]] = {}
    who = select(
        actions.c.id, actions.c.annotator, actions.c.time, actions.c.machine, actions.c.view
    )
    among = {row[5] for row in rows} | set(action_of.values())
    for action, annotator, at, machine, view in rows_where(connection, who, actions.c.id, among):
        by[action] = (annotator, moment(at), bool(machine), view)
    states: dict[tuple[str, str], Label | None] = {}
    for image_id, kind, class_id, origin, event_id, action in rows:
        annotator = by[action][0]
        if origin is None:
            states[image_id, annotator] = None
            continue
        author, at, machine, view = by[action if origin == event_id else action_of[origin]]
        states[image_id, annotator] = (
            Label(
                kind, class_id, annotator, origin, at, machine, view == DECISION, piled=view == PILE
            )
            if author == annotator
            else None
        )
    return states
