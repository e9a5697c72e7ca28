"""The chain of hashes over the log: each action's covers what it holds and the hash before it.

Whoever changes, adds or removes a row behind the app's back breaks it from there on, unless all
later hashes are made anew; then the last one differs from those that exports have named.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, RowMapping, Select, Table, bindparam, func, select

from fewshot_lab.store.copying import fit
from fewshot_lab.store.hashes import GENESIS, next_hash
from fewshot_lab.store.schema import actions, class_events, events, images, seals, team_events

# Built once: they run with every label.
_AFTER: BindParameter[int] = bindparam("after")
_ACTIONS = select(actions).where(actions.c.id > _AFTER).order_by(actions.c.id)
_PARTS = [
    (table, query.where(table.c.action > _AFTER).order_by(table.c.action, table.c.id))
    for table, query in (
        (
            events,
            select(events, images.c.id.label("picture")).outerjoin(
                images, images.c.ordinal == events.c.image
            ),
        ),
        (class_events, select(class_events)),
        (team_events, select(team_events)),
    )
]
_ENDS = select(
    select(func.max(actions.c.id)).scalar_subquery(),
    select(func.max(seals.c.action)).scalar_subquery(),
)
_UNTIL: BindParameter[int] = bindparam("until")
_HEAD = (
    select(seals.c.action, seals.c.hash)
    .where(seals.c.action <= _UNTIL)
    .order_by(seals.c.action.desc())
    .limit(1)
)
_END = 2**31 - 1
_SEAL = seals.insert()


class LogHead(NamedTuple):
    """The last position of a log, and its hash; written as ``position:hash``."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


def contents(connection: Connection, after: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield every action after a position with all that belongs to it, in a form that lasts.

    Empty columns are left out, so that a column which a later version adds changes no hash; images
    go by the hash of their pixels.
    """
    parts = [_grouped(connection, table, query, after) for table, query in _PARTS]
    heads = [next(part, None) for part in parts]
    for row in connection.execute(_ACTIONS, {"after": after}).mappings():
        content: list[Any] = [_plain(row, actions)]
        for n, part in enumerate(parts):
            head = heads[n]
            while head is not None and head[0] < row["id"]:  # of an action that is gone
                head = next(part, None)
            if head is not None and head[0] == row["id"]:
                content.append(head[1])
                head = next(part, None)
            else:
                content.append([])
            heads[n] = head
        yield row["id"], content


def _grouped(
    connection: Connection, table: Table, query: Select[Any], after: int
) -> Iterator[tuple[int, list[Any]]]:
    rows = connection.execute(query, {"after": after}).mappings()
    for action, some in groupby(rows, key=lambda row: row["action"]):
        yield action, [_plain(row, table) for row in some]


def _plain(row: RowMapping, table: Table) -> dict[str, Any]:
    """Return a row as either database holds it: what is no value of its column counts as empty."""
    fitting = {column.name: fit(row[column], column) for column in table.c}
    picture = {"picture": row["picture"]} if table is events else {}
    return {key: value for key, value in (fitting | picture).items() if value is not None}


def seal(connection: Connection, *, at_upgrade: bool = False) -> None:
    """Give every action that has none its hash; the caller holds the write lock."""
    newest, sealed = connection.execute(_ENDS).one()
    if newest == sealed:
        return
    previous = log_head(connection).hash
    rows = []
    for action, content in contents(connection, sealed or 0):
        previous = next_hash(previous, content)
        rows.append({"action": action, "hash": previous, "at_upgrade": int(at_upgrade)})
    if rows:
        connection.execute(_SEAL, rows)


def log_head(connection: Connection, until: int | None = None) -> LogHead:
    """Return the position and the hash of the last action, or of the last until a position."""
    row = connection.execute(_HEAD, {"until": _END if until is None else until}).first()
    return LogHead(*row) if row else LogHead(0, GENESIS)
