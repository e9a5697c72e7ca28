"""The audit set: images drawn at random to measure the classifier, never to train it."""

import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.database import Database, next_key, rows_where
from fewshot_lab.store.image_rows import AuditDraw
from fewshot_lab.store.queries import microseconds, moment, ordinals_of
from fewshot_lab.store.schema import actions, audit_draws, audit_images, images


def drawn_for_audit(connection: Connection, at: int | datetime | None = None) -> set[str]:
    """Return every image that was ever drawn for the audit, or was by then."""
    query = select(images.c.id).join(audit_images, audit_images.c.image == images.c.ordinal)
    if isinstance(at, datetime):
        query = query.join(audit_draws).where(audit_draws.c.time <= microseconds(at))
    elif at is not None:
        query = query.join(audit_draws).where(audit_draws.c.position <= at)
    return set(connection.scalars(query))


class AuditSet:
    """The part of the store that deals with the audit set."""

    _database: Database

    def audit_ids(self, at: int | datetime | None = None) -> set[str]:
        """Return every image that was ever drawn for the audit, or was by a moment."""
        with self._database.read() as connection:
            return drawn_for_audit(connection, at)

    def draw_audit(self, ids: Sequence[str], pool_size: int, strategy: str = "uniform") -> None:
        """Put images into the audit set, for ever; those that are in it already are left out.

        Parameters
        ----------
        ids : sequence of str
            The images drawn.
        pool_size : int
            How many they were drawn from.
        strategy : str
            How they were drawn.
        """
        with self._database.write() as connection:
            ordinals = ordinals_of(connection, list(dict.fromkeys(ids)))
            if lost := [image_id for image_id in ids if image_id not in ordinals]:
                raise FewshotLabError(f"There is no image with the id “{lost[0]}” in this project.")
            query = select(audit_images.c.image)
            among = rows_where(connection, query, audit_images.c.image, ordinals.values())
            drawn = {row.image for row in among}
            new = [ordinal for ordinal in ordinals.values() if ordinal not in drawn]
            if not new:
                return
            draw = next_key(connection, audit_draws.c.id)
            connection.execute(
                audit_draws.insert().values(
                    id=draw,
                    time=time.time_ns() // 1000,
                    position=connection.scalar(select(func.max(actions.c.id))) or 0,
                    pool_size=pool_size,
                    strategy=strategy,
                )
            )
            connection.execute(
                audit_images.insert(), [{"image": ordinal, "draw": draw} for ordinal in new]
            )

    def audit_draws(self) -> list[AuditDraw]:
        """Return the draws, the first one first."""
        query = (
            select(audit_images.c.draw, images.c.id)
            .join(images, images.c.ordinal == audit_images.c.image)
            .order_by(images.c.ordinal)
        )
        with self._database.read() as connection:
            drawn: dict[int, list[str]] = {}
            for draw, image_id in connection.execute(query):
                drawn.setdefault(draw, []).append(image_id)
            rows = connection.execute(select(audit_draws).order_by(audit_draws.c.id)).all()
        return [
            AuditDraw(
                row.id, moment(row.time), row.pool_size, row.strategy, tuple(drawn.get(row.id, ()))
            )
            for row in rows
        ]
