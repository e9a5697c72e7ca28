"""Queries that several verbs share: images by id, who says what of them, where the log stood."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from fewshot_lab.store.database import chunks, rows_where
from fewshot_lab.store.schema import actions, events, images

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    """Turn a stored time into a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(at: datetime) -> int:
    """Turn a datetime into a stored time; one without a zone is local time."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class OwnLabel:
    """What an annotator says of an image: the event that said it, None where none did."""

    origin: int | None
    kind: str
    class_id: int | None


NO_LABEL = OwnLabel(None, "clear", None)


def ordinals_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the row numbers of images, in the order of ``ids``; unknown ones are left out."""
    query = select(images.c.id, images.c.ordinal)
    ordinals = {row[0]: row[1] for row in rows_where(connection, query, images.c.id, ids)}
    return {image_id: ordinals[image_id] for image_id in ids if image_id in ordinals}


def own_labels(
    connection: Connection, ordinals: Sequence[int], annotator: str
) -> dict[int, OwnLabel]:
    """Return what an annotator says of images; those of which they have said nothing are left out.

    What an undo of version 1 brought back may be the word of somebody else: that is nothing.
    """
    current: dict[int, OwnLabel] = {}
    source = events.alias("said")
    author = actions.alias("author")
    for some in chunks(ordinals):
        latest = (
            select(func.max(events.c.id).label("id"))
            .join(actions, actions.c.id == events.c.action)
            .where(actions.c.annotator == annotator, events.c.image.in_(some))
            .group_by(events.c.image)
            .subquery()
        )
        query = (
            select(events.c.image, events.c.origin, events.c.kind, events.c.class_id)
            .join(latest, latest.c.id == events.c.id)
            .join(source, source.c.id == events.c.origin)
            .join(author, author.c.id == source.c.action)
            .where(author.c.annotator == annotator)
        )
        for image, origin, kind, class_id in connection.execute(query):
            current[image] = OwnLabel(origin, kind, class_id)
    return current


def own_labels_of_events(connection: Connection, event_ids: Iterable[int]) -> dict[int, OwnLabel]:
    """Return what events of annotators said."""
    query = select(events.c.id, events.c.kind, events.c.class_id)
    rows = rows_where(connection, query, events.c.id, event_ids)
    return {row.id: OwnLabel(*row) for row in rows}


def position_at(connection: Connection, at: int | datetime | None) -> int | None:
    """Return the position of the log at a moment; a position as it is."""
    if not isinstance(at, datetime):
        return at
    query = select(func.max(actions.c.id)).where(actions.c.time <= microseconds(at))
    return connection.scalar(query) or 0


def plain_rows(connection: Connection, query: Select[Any]) -> Sequence[tuple[Any, ...]]:
    """Return rows as the driver gives them: to make SQLAlchemy's of a million takes seconds."""
    result = connection.execute(query)
    try:
        rows: Sequence[tuple[Any, ...]] = result.cursor.fetchall()
        return rows
    finally:
        result.close()
