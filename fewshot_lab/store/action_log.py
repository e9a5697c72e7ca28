"""Actions: the entries of the log, each one undoable step of one annotator."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Connection, RowMapping, func, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.database import next_key
from fewshot_lab.store.names import LONGEST_NAME
from fewshot_lab.store.schema import actions

STEP_BACK = 60_000_000
"""Microseconds: by so much a clock is set right; more is another time."""


class Signature(TypedDict):
    """What an :class:`Author` is made of, as arguments by name."""

    annotator: str
    client: NotRequired[str | None]
    q: NotRequired[int | None]


@dataclass(frozen=True)
class Author:
    """Who acts, and the name of the action by which a resend is known."""

    annotator: str
    client: str | None = None
    q: int | None = None

    def __post_init__(self) -> None:
        if not self.annotator.strip():
            raise FewshotLabError("A label needs the name of its annotator.")
        if len(self.annotator) > LONGEST_NAME or not self.annotator.isprintable():
            raise FewshotLabError(
                f"An annotator's name has at most {LONGEST_NAME} characters, all of them printable."
            )
        if (self.client is None) != (self.q is None):
            raise FewshotLabError("An action is named by client and q together.")


def find(connection: Connection, by: Author) -> RowMapping | None:
    """Return the action that carries this name already, if any."""
    if by.client is None:
        return None
    query = select(actions).where(actions.c.client == by.client, actions.c.q == by.q)
    return connection.execute(query).mappings().first()


def append(
    connection: Connection, by: Author, *, what: str, sentence: str, n_images: int = 0, **more: Any
) -> int:
    """Add an action and return its id; the caller holds the write lock."""
    action_id = next_key(connection, actions.c.id)
    now = time.time_ns() // 1000
    # A clock that is set right does not turn the times round; one that had been wrong by far must
    # not make all that follows carry its time.
    latest = connection.scalar(select(actions.c.time).where(actions.c.id == action_id - 1)) or 0
    if not now <= latest <= now + STEP_BACK:
        latest = now
    row = {
        "id": action_id,
        "time": latest,
        "annotator": by.annotator,
        "what": what,
        "target": None,
        "client": by.client,
        "q": by.q,
        "sentence": sentence,
        "n_images": n_images,
        "machine": 0,
        **more,
    }
    connection.execute(actions.insert(), row)
    return action_id


def undoable(connection: Connection, annotator: str) -> RowMapping | None:
    """Return the annotator's last action that is in force."""
    state = actions.alias("state")
    latest = (
        select(state.c.what)
        .where(state.c.target == actions.c.id)
        .order_by(state.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(actions)
        .where(actions.c.annotator == annotator, actions.c.what.in_(("label", "class")))
        .where(func.coalesce(latest, "redo") == "redo")
        .order_by(actions.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def redoable(connection: Connection, annotator: str) -> RowMapping | None:
    """Return the action that the annotator undid last, unless something new came after."""
    newest = connection.scalar(
        select(func.max(actions.c.id)).where(
            actions.c.annotator == annotator, actions.c.what.in_(("label", "class"))
        )
    )
    if newest is None:
        return None
    # What was undone after the newest action, and has not been redone since. Undo goes back from
    # the newest, so the oldest of these was undone last.
    since = (
        select(actions.c.target, func.max(actions.c.id).label("id"))
        .where(actions.c.annotator == annotator, actions.c.id > newest)
        .where(actions.c.what.in_(("undo", "redo")))
        .group_by(actions.c.target)
        .subquery()
    )
    state = actions.alias("state")
    query = (
        select(actions)
        .join(since, since.c.target == actions.c.id)
        .join(state, state.c.id == since.c.id)
        .where(state.c.what == "undo")
        .order_by(actions.c.id)
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def undone_among(connection: Connection, action_ids: Sequence[int]) -> set[int]:
    """Return which of these actions are undone now."""
    latest = (
        select(func.max(actions.c.id))
        .where(actions.c.target.in_(action_ids))
        .group_by(actions.c.target)
    )
    query = select(actions.c.target).where(actions.c.id.in_(latest), actions.c.what == "undo")
    return set(connection.scalars(query))
