"""All rows of one database, copied into another and compared, whichever of the two kinds they are.

SQLite stores any value in any column, and versions before 3 let some in; PostgreSQL does not take
them. What a column there cannot hold goes over as what readers take it for: as missing.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, String, Table, select

from fewshot_lab.store.schema import metadata

_AT_ONCE = 2000


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row into tables that are there and empty; both in a transaction."""
    for table in metadata.sorted_tables:
        for rows in _rows(source, table, strict=target.dialect.name != "sqlite"):
            target.execute(
                table.insert(), [dict(zip(table.c.keys(), r, strict=True)) for r in rows]
            )


def first_difference(one: Connection, other: Connection) -> str | None:
    """Return the first table whose rows are not the same in two databases, None if all are."""
    strict = "postgresql" in (one.dialect.name, other.dialect.name)
    for table in metadata.sorted_tables:
        if _digest(one, table, strict=strict) != _digest(other, table, strict=strict):
            return table.name
    return None


def _digest(connection: Connection, table: Table, *, strict: bool) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    for rows in _rows(connection, table, strict=strict):
        count += len(rows)
        for row in rows:
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return count, digest.hexdigest()


def _rows(connection: Connection, table: Table, *, strict: bool) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows in the order of their keys, some at a time."""
    # Keys of text are compared by their bytes: each server has its own alphabet.
    keys = [
        key.collate("BINARY" if connection.dialect.name == "sqlite" else "C")
        if isinstance(key.type, String)
        else key
        for key in table.primary_key
    ]
    result = connection.execute(
        select(table).order_by(*keys), execution_options={"yield_per": _AT_ONCE}
    )
    for rows in result.partitions():
        values = [tuple(row) for row in rows]
        if strict:
            columns = list(table.c)
            values = [tuple(map(fit, row, columns)) for row in values]
        yield values


def fit(value: Any, column: Column[Any]) -> Any:
    """Return a value as a column of PostgreSQL can hold it."""
    kind = column.type
    if value is None:
        return None
    if isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        if isinstance(value, int) and -(2**bits) <= value < 2**bits:
            return value
        return None if column.nullable else 0
    if isinstance(kind, Float):
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        return None if column.nullable else 0.0
    assert isinstance(kind, String)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", "\ufffd")[: kind.length]
