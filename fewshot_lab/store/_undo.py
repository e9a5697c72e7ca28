"""Undo and redo, by adding to the log: each annotator goes back over their own actions.

Undoing an action gives every image of it the state that held before, and redoing the state that
the action gave it. An image whose state is another one by now, because someone has labelled it
since, keeps it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, RowMapping, func, select

from fewshot_lab.store import _actions
from fewshot_lab.store._actions import By, images_word
from fewshot_lab.store._class_states import (
    ClassState,
    class_states,
    conflict,
    state_of,
    store_states,
    turned_back,
)
from fewshot_lab.store._database import Database, next_key
from fewshot_lab.store._labels import NOTHING, current_of, states_of
from fewshot_lab.store._rows import Undone
from fewshot_lab.store._schema import actions, class_events, events, images

_PAST = {"undo": "undone", "redo": "redone"}


class Undo:
    """The part of the store that deals with undo and redo."""

    _database: Database

    def undo(self, annotator: str, *, client: str | None, q: int | None) -> Undone | None:
        """Take back the annotator's last action that is in force, whenever it was made.

        Returns
        -------
        Undone or None
            None where there is nothing to undo. Resent with the same ``client`` and ``q``, the
            same answer, and nothing changes.
        """
        return self._turn("undo", By(annotator, client, q))

    def redo(self, annotator: str, *, client: str | None, q: int | None) -> Undone | None:
        """Bring back what the annotator undid last, unless they did something new after it."""
        return self._turn("redo", By(annotator, client, q))

    def can_undo(self, annotator: str) -> str | None:
        """Return the sentence of the action that undo would take back."""
        with self._database.read() as connection:
            found = _actions.undoable(connection, annotator)
        return str(found["sentence"]) if found else None

    def can_redo(self, annotator: str) -> str | None:
        """Return the sentence of the action that redo would bring back."""
        with self._database.read() as connection:
            found = _actions.redoable(connection, annotator)
        return str(found["sentence"]) if found else None

    def _turn(self, verb: str, by: By) -> Undone | None:
        find: Callable[[Connection, str], RowMapping | None]
        find = _actions.undoable if verb == "undo" else _actions.redoable
        with self._database.write() as connection:
            if (done := _actions.seen(connection, by)) is not None:
                return _answer(connection, done)
            action = find(connection, by.annotator)
            if action is None:
                if by.client is not None:
                    # So that a resend finds nothing to do either.
                    _actions.append(connection, by, what="nothing", sentence=f"nothing to {verb}")
                return None
            if action["what"] == "class":
                position = _turn_classes(connection, verb, by, action)
            else:
                position = _turn_labels(connection, verb, by, action)
            made = select(actions).where(actions.c.id == position)
            return _answer(connection, connection.execute(made).mappings().one())


def _turn_labels(connection: Connection, verb: str, by: By, action: RowMapping) -> int:
    query = select(events.c.id, events.c.image, events.c.before).where(
        events.c.action == action["id"]
    )
    said = connection.execute(query.order_by(events.c.id)).all()
    holds = current_of(connection, [event.image for event in said])
    changes = []  # (image, the origin that is left, the origin that comes back)
    for event in said:
        now, then = (event.id, event.before) if verb == "undo" else (event.before, event.id)
        if holds.get(event.image, NOTHING).origin == now:
            changes.append((event.image, now, then))
    states = states_of(connection, {then for _, _, then in changes if then is not None})

    kept = len(said) - len(changes)
    sentence = f"{action['sentence']} {_PAST[verb]}"
    if not changes:
        sentence = f"{action['sentence']} not {_PAST[verb]}: labelled again since"
    elif kept:
        keep = "keeps its" if kept == 1 else "keep their"
        sentence += f"; {images_word(kept)} labelled since {keep} newer label"
    position = _actions.append(
        connection,
        by,
        what=verb,
        target=action["id"],
        sentence=sentence,
        n_images=len(changes),
        view=action["view"],
        machine=action["machine"],
    )
    first = next_key(connection, events.c.id)
    rows = []
    for offset, (image, now, then) in enumerate(changes):
        state = states[then] if then is not None else NOTHING
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


def _turn_classes(connection: Connection, verb: str, by: By, action: RowMapping) -> int:
    made = select(class_events).where(class_events.c.action == action["id"])
    rows = connection.execute(made.order_by(class_events.c.id)).mappings().all()
    earlier = _earlier(connection, [row["before"] for row in rows])
    states = class_states(connection)
    wanted: dict[int, ClassState] = {}
    for row in rows:
        after = state_of(row)
        before = earlier[row["before"]] if row["before"] else replace(after, withdrawn=True)
        now, then = (after, before) if verb == "undo" else (before, after)
        turned = turned_back(states[after.id], now, then)
        if turned != states[after.id]:
            wanted[after.id] = turned

    reason = conflict({**states, **wanted}) or _in_use(connection, states, wanted)
    sentence = f"{action['sentence']} {_PAST[verb]}"
    if reason:
        wanted = {}
        sentence = f"{action['sentence']} not {_PAST[verb]}: {reason}"
    elif not wanted:
        sentence = f"{action['sentence']} not {_PAST[verb]}: changed again since"
    position = _actions.append(
        connection, by, what=verb, target=action["id"], sentence=sentence, n_images=0
    )
    store_states(connection, position, list(wanted.values()))
    return position


def _earlier(connection: Connection, event_ids: list[int | None]) -> dict[int, ClassState]:
    wanted = [event_id for event_id in event_ids if event_id]
    query = select(class_events).where(class_events.c.id.in_(wanted))
    return {row["id"]: state_of(row) for row in connection.execute(query).mappings()}


def _in_use(
    connection: Connection,
    states: Mapping[int, ClassState],
    wanted: Mapping[int, ClassState],
) -> str | None:
    """Return why a class cannot be withdrawn: images carry it."""
    for state in wanted.values():
        if not state.withdrawn or states[state.id].withdrawn:
            continue
        latest = select(func.max(events.c.id)).group_by(events.c.image)
        carried = select(func.count()).where(
            events.c.id.in_(latest), events.c.kind == "class", events.c.class_id == state.id
        )
        if n := connection.scalar(carried):
            return f"{images_word(n)} {'carries' if n == 1 else 'carry'} it"
    return None


def _answer(connection: Connection, done: RowMapping) -> Undone | None:
    if done["what"] not in ("undo", "redo"):
        return None
    query = (
        select(images.c.id)
        .join(events, events.c.image == images.c.ordinal)
        .where(events.c.action == done["id"])
        .order_by(events.c.id)
    )
    ids = list(connection.scalars(query))
    return Undone(done["target"], done["sentence"], ids, done["id"])
