"""A project's tables: made, brought up to this version with a copy kept, and guarded."""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text

from fewshot_lab.store import schema
from fewshot_lab.store.chain import seal
from fewshot_lab.store.copying import copy_rows
from fewshot_lab.store.engines import copy_sqlite
from fewshot_lab.whole_files import writing_beside


def make_tables(connection: Connection, place: str | None, rows: Connection | None = None) -> None:
    """Make every table, with what it begins with, and then what guards it.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    place : str or None
        The schema of PostgreSQL.
    rows : Connection, optional
        To the database to copy; rows of older versions may break what new ones keep to.
    """
    schema.metadata.create_all(connection, checkfirst=False)
    if rows is None:
        connection.execute(schema.schema_version.insert().values(version=schema.SCHEMA_VERSION))
    else:
        copy_rows(rows, connection)
    for statement in append_only(connection, place, schema.APPEND_ONLY):
        connection.exec_driver_sql(statement)
    for statement in _checks(connection, place, schema.CHECKS):
        connection.exec_driver_sql(statement)


def upgrade_tables(connection: Connection, place: str | None, file: Path | None) -> None:
    """Bring tables up to this version, in one transaction; the old ones are copied first."""
    version = schema.schema_version.c.version
    current = connection.scalar(select(func.max(version))) or 0
    if current == schema.SCHEMA_VERSION:  # another process was first
        return
    _keep_copy(connection, place, file, current)
    at = f'"{place}".' if place else ""
    for step in range(current + 1, schema.SCHEMA_VERSION + 1):
        upgrade = schema.UPGRADES[step]
        for column in upgrade.columns:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(
                f"ALTER TABLE {at}{column.table.name} ADD COLUMN {column.name} {kind}"
            )
        schema.metadata.create_all(connection, tables=upgrade.tables, checkfirst=False)
        names = tuple(t.name for t in upgrade.tables if t.name in schema.APPEND_ONLY)
        for statement in append_only(connection, place, names):
            connection.exec_driver_sql(statement)
        for statement in _checks(connection, place, upgrade.checks):
            connection.exec_driver_sql(statement)
        connection.execute(schema.schema_version.insert().values(version=step))
    seal(connection, at_upgrade=True)


def copy_schema(place: str, version: int) -> str:
    """Return the schema in which PostgreSQL keeps a project's tables of an older version."""
    return f"fewshot_copy_v{version}_{hashlib.sha256(place.encode()).hexdigest()[:32]}"


def _keep_copy(connection: Connection, place: str | None, file: Path | None, version: int) -> None:
    if file is not None:
        with writing_beside(file.with_name(f"{file.name}.version-{version}")) as beside:
            # The connection that is about to write cannot be copied from; others still read.
            with closing(sqlite3.connect(file)) as source:
                copy_sqlite(source, beside)
            with beside.open("rb+") as stream:
                os.fsync(stream.fileno())
    elif place:
        kept = copy_schema(place, version)
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{kept}" CASCADE'))
        connection.execute(text(f'CREATE SCHEMA "{kept}"'))
        for table in inspect(connection).get_table_names(schema=place):
            connection.execute(
                text(f'CREATE TABLE "{kept}"."{table}" AS TABLE "{place}"."{table}"')
            )


def append_only(connection: Connection, place: str | None, tables: Sequence[str]) -> list[str]:
    """Return the triggers that keep the log append-only."""
    message = "the log is append-only"
    if connection.dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            for table in tables
            for verb in ("UPDATE", "DELETE")
        ]
    at = f'"{place}".' if place else ""
    function = (
        f"CREATE OR REPLACE FUNCTION {at}refuse_change() RETURNS trigger AS $$ "
        f"BEGIN RAISE EXCEPTION '{message}'; END $$ LANGUAGE plpgsql"
    )
    return [function] + [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {at}{table} "
        f"FOR EACH ROW EXECUTE FUNCTION {at}refuse_change()"
        for table in tables
    ]


def _checks(connection: Connection, place: str | None, tables: Iterable[str]) -> list[str]:
    """Return what makes the database refuse rows that break :data:`schema.CHECKS`.

    Old rows stay as they are: triggers and constraints that are not validated see new ones.
    """
    rules = {table: " AND ".join(f"({rule})" for rule in schema.CHECKS[table]) for table in tables}
    if connection.dialect.name != "sqlite":
        at = f'"{place}".' if place else ""
        return [
            f"ALTER TABLE {at}{table} ADD CONSTRAINT {table}_sound CHECK ({rule}) NOT VALID"
            for table, rule in rules.items()
        ]
    return [
        f"CREATE TRIGGER {table}_sound AFTER INSERT ON {table} WHEN NOT EXISTS "
        f"(SELECT 1 FROM {table} WHERE id = NEW.id AND {rule}) "
        "BEGIN SELECT RAISE(ABORT, 'the log holds sound values only'); END"
        for table, rule in rules.items()
    ]
