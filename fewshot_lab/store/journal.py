"""The journal: everything that is done and is no label, in rows that are only ever added."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    select,
)

from fewshot_lab.store.hashes import GENESIS, next_hash

LONGEST_DETAIL = 4000


class JournalEntry(NamedTuple):
    """Something that was done: when, by whom, what, and with what.

    Attributes
    ----------
    what : str
        "import", "export", "setting", "member", "sign-in" ...
    hash : str
        Over all this and the hash of the entry before.
    """

    id: int
    time: datetime
    who: str
    what: str
    detail: dict[str, Any]
    hash: str


def journal_table(metadata: MetaData) -> Table:
    """Return the table of a journal."""
    return Table(
        "journal",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("time", BigInteger, nullable=False),  # microseconds since 1970, UTC
        Column("who", Text, nullable=False),
        Column("what", String(40), nullable=False),
        Column("detail", Text, nullable=False),  # JSON
        Column("hash", String(64), nullable=False),
    )


def append_entry(
    connection: Connection, table: Table, who: str, what: str, detail: Mapping[str, Any]
) -> None:
    """Add an entry; the caller holds the write lock."""
    last = connection.execute(
        select(table.c.id, table.c.hash).order_by(table.c.id.desc()).limit(1)
    ).first()
    number, previous = last or (0, GENESIS)
    text = json.dumps(detail, default=str, sort_keys=True)
    if len(text) > LONGEST_DETAIL:
        text = json.dumps({"shortened": text[:LONGEST_DETAIL]})
    row = {
        "id": number + 1,
        "time": time.time_ns() // 1000,
        "who": who[:200],
        "what": what,
        "detail": text,
    }
    connection.execute(table.insert(), row | {"hash": next_hash(previous, row)})


def read_entries(connection: Connection, table: Table) -> list[JournalEntry]:
    """Return all entries, the oldest first."""
    return [
        JournalEntry(
            row.id,
            datetime.fromtimestamp(row.time / 1e6, UTC),
            row.who,
            row.what,
            json.loads(row.detail),
            row.hash,
        )
        for row in connection.execute(select(table).order_by(table.c.id))
    ]
