"""The log of actions as it can be read: its position, the history, every event."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from fewshot_lab.store import action_log
from fewshot_lab.store.database import Database
from fewshot_lab.store.label_rows import Event, HistoryRow
from fewshot_lab.store.queries import moment, position_at
from fewshot_lab.store.schema import actions, events, images

_EXAMPLES = 4


class Log:
    """The part of the store that reads the log."""

    _database: Database

    def position(self) -> int:
        """Return the id of the last action: it changes whenever labels or classes do."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(actions.c.id))) or 0

    def position_at(self, at: datetime) -> int:
        """Return the log's position at a moment (0 before the first action)."""
        with self._database.read() as connection:
            return position_at(connection, at) or 0

    def history(
        self, limit: int = 50, before: int | None = None, annotator: str | None = None
    ) -> list[HistoryRow]:
        """Return the last actions, the newest first.

        Parameters
        ----------
        limit : int
        before : int, optional
            Only actions older than this one, for the next page.
        annotator : str, optional
            Only this annotator's.
        """
        query = select(actions).where(actions.c.what != "nothing")
        if before is not None:
            query = query.where(actions.c.id < before)
        if annotator is not None:
            query = query.where(actions.c.annotator == annotator)
        query = query.order_by(actions.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            ids = [row["id"] for row in rows]
            undone = action_log.undone_among(connection, ids)
            examples = _examples(connection, ids)
        stored = ("annotator", "sentence", "view", "n_images", "what", "strategy")
        return [
            HistoryRow(
                action_id=row["id"],
                time=moment(row["time"]),
                undone=row["id"] in undone,
                example_ids=tuple(examples.get(row["id"], ())),
                **{name: row[name] for name in stored},
            )
            for row in rows
        ]

    def events(self, after: int = 0) -> list[Event]:
        """Return every event of the actions after a position, in their order."""
        query = (
            select(
                events.c.id,
                events.c.action,
                actions.c.what,
                actions.c.time,
                actions.c.annotator,
                images.c.id,
                events.c.kind,
                events.c.class_id,
                actions.c.view,
                actions.c.strategy,
                events.c.shown_class,
                events.c.shown_probability,
                actions.c.spent_ms,
                actions.c.machine,
                actions.c.note,
                actions.c.client,
                actions.c.q,
                events.c.origin,
                events.c.concealed_class,
                events.c.concealed_probability,
                events.c.apart,
                events.c.repeats,
            )
            .join(actions, actions.c.id == events.c.action)
            .join(images, images.c.ordinal == events.c.image)
            .where(events.c.action > after)
            .order_by(events.c.id)
        )
        with self._database.read() as connection:
            return [
                Event(
                    *row[:3],
                    moment(row[3]),
                    *row[4:10],
                    shown=_prediction(row[10], row[11]),
                    # Before version 3 anything could be stored.
                    spent_ms=row[12] if isinstance(row[12], int) else None,
                    machine=bool(row[13]),
                    note=row[14],
                    client=row[15],
                    q=row[16],
                    origin=row[17],
                    concealed=_prediction(row[18], row[19]),
                    apart=bool(row[20]),
                    repeats=row[21],
                )
                for row in connection.execute(query)
            ]


def _prediction(class_id: int | None, probability: object) -> tuple[int, float] | None:
    if class_id is None or not isinstance(probability, float) or not 0 <= probability <= 1:
        return None
    return class_id, probability


def _examples(connection: Connection, action_ids: Sequence[int]) -> dict[int, list[str]]:
    ranked = (
        select(
            events.c.action,
            events.c.image,
            events.c.id,
            func.row_number().over(partition_by=events.c.action, order_by=events.c.id).label("n"),
        )
        .where(events.c.action.in_(action_ids))
        .subquery()
    )
    query = (
        select(ranked.c.action, images.c.id)
        .join(images, images.c.ordinal == ranked.c.image)
        .where(ranked.c.n <= _EXAMPLES)
        .order_by(ranked.c.id)
    )
    examples: dict[int, list[str]] = {}
    for action_id, image_id in connection.execute(query):
        examples.setdefault(action_id, []).append(image_id)
    return examples
