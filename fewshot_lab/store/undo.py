"""Undo and redo, by adding to the log: each annotator goes back over their own actions.

Undoing an action takes the annotator's own opinion of each of its images back to what it was
before, and redoing brings it to what the action made it. What others say stays as it is: where the
newest opinion holds and somebody else has labelled an image since, it keeps that label.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, RowMapping, func, select

from fewshot_lab.store import action_log
from fewshot_lab.store.action_log import Author
from fewshot_lab.store.class_states import (
    ClassState,
    class_states,
    conflict_reason,
    reverted,
    state_of,
    store_states,
)
from fewshot_lab.store.current_labels import latest_events, team_at
from fewshot_lab.store.database import Database, chunks, next_key, rows_where
from fewshot_lab.store.label_rows import UndoResult
from fewshot_lab.store.names import LONGEST_NAME
from fewshot_lab.store.queries import NO_LABEL, own_labels, own_labels_of_events
from fewshot_lab.store.schema import actions, class_events, events, images
from fewshot_lab.words import plural

_PAST = {"undo": "undone", "redo": "redone"}


class Undo:
    """The part of the store that deals with undo and redo."""

    _database: Database

    def undo(self, annotator: str, *, client: str | None, q: int | None) -> UndoResult | None:
        """Take back the annotator's last action that is in force, whenever it was made.

        Returns
        -------
        UndoResult or None
            None where there is nothing to undo. Resent with the same ``client`` and ``q``, the
            same answer, and nothing changes.
        """
        return self._revert("undo", Author(annotator, client, q))

    def redo(self, annotator: str, *, client: str | None, q: int | None) -> UndoResult | None:
        """Bring back what the annotator undid last, unless they did something new after it."""
        return self._revert("redo", Author(annotator, client, q))

    def _revert(self, verb: str, by: Author) -> UndoResult | None:
        find: Callable[[Connection, str], RowMapping | None]
        find = action_log.undoable if verb == "undo" else action_log.redoable
        with self._database.write() as connection:
            if (done := action_log.find(connection, by)) is not None:
                return _answer(connection, done)
            action = find(connection, by.annotator)
            if action is None:
                if by.client is not None:
                    # So that a resend finds nothing to do either.
                    action_log.append(connection, by, what="nothing", sentence=f"nothing to {verb}")
                return None
            if action["what"] == "class":
                position = _revert_classes(connection, verb, by, action)
            else:
                position = _revert_labels(connection, verb, by, action)
            stored = select(actions).where(actions.c.id == position)
            return _answer(connection, connection.execute(stored).mappings().one())


def _revert_labels(connection: Connection, verb: str, by: Author, action: RowMapping) -> int:
    query = select(events.c.id, events.c.image, events.c.before).where(
        events.c.action == action["id"]
    )
    acted = connection.execute(query.order_by(events.c.id)).all()
    holds = own_labels(connection, [event.image for event in acted], by.annotator)
    earlier = _own_before(connection, by.annotator, [(e.id, e.before, e.image) for e in acted])
    changes = []  # (image, the origin that is left, the origin that comes back, the event)
    for event in acted:
        now, then = event.id, earlier[event.id]
        if verb == "redo":
            now, then = then, now
        if holds.get(event.image, NO_LABEL).origin == now:
            changes.append((event.image, now, then, event.id))
    states = own_labels_of_events(
        connection, {then for _, _, then, _ in changes if then is not None}
    )

    kept = len(acted) - len(changes) + len(_overlaid(connection, by.annotator, changes))
    sentence = f"{action['sentence']} {_PAST[verb]}"
    if not changes:
        sentence = f"{action['sentence']} not {_PAST[verb]}: labelled again since"
    elif kept:
        keep = "keeps its" if kept == 1 else "keep their"
        sentence += f"; {plural(kept, 'image')} labelled since {keep} newer label"
    position = action_log.append(
        connection,
        by,
        what=verb,
        target=action["id"],
        sentence=sentence,
        n_images=len(changes),
        view=(action["view"] or "")[:LONGEST_NAME] or None,  # older ones may be longer
        machine=action["machine"],
    )
    first = next_key(connection, events.c.id)
    rows = []
    for offset, (image, now, then, _) in enumerate(changes):
        state = states[then] if then is not None else NO_LABEL
        rows.append(
            {
                "id": first + offset,
                "action": position,
                "image": image,
                "kind": state.kind,
                "class_id": state.class_id,
                "origin": then,
                "before": now,
            }
        )
    if rows:
        connection.execute(events.insert(), rows)
    return position


def _own_before(
    connection: Connection, annotator: str, acted: list[tuple[int, int | None, int]]
) -> dict[int, int | None]:
    """Return what the annotator said of each event's image before it, as the event that said it.

    Events of version 1 point to what anybody had said: there the annotator's own is looked up.
    """
    before = {event_id: origin for event_id, origin, _ in acted}
    said = select(events.c.id, actions.c.annotator).join(actions, actions.c.id == events.c.action)
    origins = [origin for origin in before.values() if origin is not None]
    authors: dict[int, str] = dict(rows_where(connection, said, events.c.id, origins))
    for event_id, origin, image in acted:
        if origin is None or authors[origin] == annotator:
            continue
        own = (
            select(events.c.origin)
            .join(actions, actions.c.id == events.c.action)
            .where(events.c.image == image, events.c.id < event_id)
            .where(actions.c.annotator == annotator)
            .order_by(events.c.id.desc())
            .limit(1)
        )
        last = connection.scalar(own)
        author = connection.scalar(
            select(actions.c.annotator)
            .join(events, events.c.action == actions.c.id)
            .where(events.c.id == last)
        )
        before[event_id] = last if author == annotator else None
    return before


def _overlaid(
    connection: Connection, annotator: str, changes: list[tuple[int, int | None, int | None, int]]
) -> set[int]:
    """Return the images whose label stays, because somebody else's newer one holds.

    Nothing is told where the newest does not hold, or others' labels may be hidden.
    """
    team = team_at(connection)
    if team.rule != "latest" or team.blind or team.double:
        return set()
    event_of = {image: event_id for image, _, _, event_id in changes}
    overlaid = set()
    for some in chunks(list(event_of)):
        latest = latest_events(None, some).subquery()
        query = (
            select(events.c.image, events.c.origin)
            .join(latest, latest.c.id == events.c.id)
            .join(actions, actions.c.id == events.c.action)
            .where(actions.c.annotator != annotator, events.c.kind != "skip")
        )
        for image, origin in connection.execute(query):
            if origin is not None and origin > event_of[image]:
                overlaid.add(image)
    return overlaid


def _revert_classes(connection: Connection, verb: str, by: Author, action: RowMapping) -> int:
    query = select(class_events).where(class_events.c.action == action["id"])
    rows = connection.execute(query.order_by(class_events.c.id)).mappings().all()
    query = select(class_events).where(class_events.c.id.in_([row["before"] for row in rows]))
    earlier = {row["id"]: state_of(row) for row in connection.execute(query).mappings()}
    states = class_states(connection)
    wanted: dict[int, ClassState] = {}
    for row in rows:
        after = state_of(row)
        before = earlier[row["before"]] if row["before"] else replace(after, withdrawn=True)
        now, then = (after, before) if verb == "undo" else (before, after)
        turned = reverted(states[after.id], now, then)
        if turned != states[after.id]:
            wanted[after.id] = turned

    reason = conflict_reason({**states, **wanted}) or _in_use(connection, states, wanted)
    sentence = f"{action['sentence']} {_PAST[verb]}"
    if reason:
        wanted = {}
        sentence = f"{action['sentence']} not {_PAST[verb]}: {reason}"
    elif not wanted:
        sentence = f"{action['sentence']} not {_PAST[verb]}: changed again since"
    position = action_log.append(
        connection, by, what=verb, target=action["id"], sentence=sentence, n_images=0
    )
    store_states(connection, position, list(wanted.values()))
    return position


def _in_use(
    connection: Connection, states: Mapping[int, ClassState], wanted: Mapping[int, ClassState]
) -> str | None:
    """Return why a class cannot be withdrawn: images carry it."""
    for state in wanted.values():
        if not state.withdrawn or states[state.id].withdrawn:
            continue
        carried = select(func.count(events.c.image.distinct())).where(
            events.c.id.in_(latest_events()),
            events.c.kind == "class",
            events.c.class_id == state.id,
        )
        if n := connection.scalar(carried):
            return f"{plural(n, 'image')} {'carries' if n == 1 else 'carry'} it"
    return None


def _answer(connection: Connection, done: RowMapping) -> UndoResult | None:
    if done["what"] not in ("undo", "redo"):
        return None
    query = (
        select(images.c.id)
        .join(events, events.c.image == images.c.ordinal)
        .where(events.c.action == done["id"])
        .order_by(events.c.id)
    )
    ids = list(connection.scalars(query))
    return UndoResult(done["target"], done["sentence"], ids, done["id"])
