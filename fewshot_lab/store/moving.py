"""Whole databases: saved into one file, made from one, and moved while nobody else uses them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.store.copying import first_difference
from fewshot_lab.store.database import Database
from fewshot_lab.store.engines import copy_sqlite, sqlite_engine, turn_on_wal
from fewshot_lab.store.schema import metadata

_OPEN = "{} is in use: stop the app and its jobs, then move it."


def save_copy(database: Database, file: Path) -> None:
    """Write all rows, as they are at one moment, into a new SQLite file; labelling goes on.

    Raises
    ------
    Unavailable
        Where the database cannot be read or the file not be written now.
    """
    with database.read() as source:
        if database.file is None:
            Database(file, schema=None, create=True, rows=source).close()
        else:
            held = source.connection.driver_connection
            assert held is not None
            try:
                copy_sqlite(held, file)
            except sqlite3.Error as error:
                raise Unavailable(f"{file} could not be written: {error}.") from None


def copy_database(source: Connection, target: str | Path, schema: str | None = None) -> Database:
    """Make a database that holds all rows of another, compare both, and return it.

    Raises
    ------
    FewshotLabError
        Where it is there already, or what arrived is not what was sent; nothing is left of it.
    """
    database = Database(target, schema=schema, create=True, rows=source)
    try:
        with database.read() as arrived:
            table = first_difference(source, arrived)
        if table is not None:
            raise FewshotLabError(
                f"What arrived differs from what was sent (table “{table}”): nothing was moved."
            )
    except BaseException:
        database.drop()
        database.close()
        raise
    return database


def to_server(file: Path, url: str, schema: str | None) -> None:
    """Move a project's rows from its file to a server; the file is deleted at the end.

    Raises
    ------
    FewshotLabError
        Where the project is in use, the schema is there already, or the rows that arrived are
        not those that were sent; then all is as before.
    """
    Database(file, schema=None, create=False).close()  # is one, and of this version
    with _alone_with_file(file) as source:
        target = copy_database(source, url, schema)
        try:
            # From here on the server has them.
            gone = file.replace(file.with_name(file.name + ".moved"))
        except BaseException:
            target.drop()
            raise
        finally:
            target.close()
        # For whoever opened the file meanwhile and waits: there is no project in it any more.
        source.exec_driver_sql("DROP TABLE schema_version")
    gone.unlink()


def to_file(url: str, schema: str | None, file: Path) -> None:
    """Move a project's rows from a server to a file; the schema is deleted at the end.

    Raises
    ------
    FewshotLabError
        As by :func:`to_server`.
    """
    database = Database(url, schema=schema, create=False)
    arriving = file.with_name(f".{file.name}.arriving.part")
    arriving.unlink(missing_ok=True)  # of a move that was killed
    try:
        with _alone_on_server(database) as source:
            copy_database(source, arriving).close()
            with arriving.open("rb+") as stream:
                os.fsync(stream.fileno())
            arriving.replace(file)  # from here on the file has them
            database.drop_tables(source)
    finally:
        database.close()
        for suffix in ("", "-wal", "-shm"):
            arriving.with_name(arriving.name + suffix).unlink(missing_ok=True)


@contextmanager
def _alone_with_file(file: Path) -> Iterator[Connection]:
    engine = sqlite_engine(file)
    try:
        raw = engine.raw_connection()
        try:
            held = raw.driver_connection
            assert held is not None
            held.execute("PRAGMA busy_timeout = 2000")
            # Only who is alone can leave WAL mode, and in this mode stays alone. The journal is
            # kept in memory: none that was left must ever meet another file of this name.
            held.execute("PRAGMA locking_mode = EXCLUSIVE")
            mode = held.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            if mode != "delete":
                raise FewshotLabError(_OPEN.format(file.parent.name))
            held.execute("PRAGMA journal_mode = MEMORY")
        except sqlite3.OperationalError:
            raise FewshotLabError(_OPEN.format(file.parent.name)) from None
        finally:
            raw.close()  # back to the pool, with its lock
        alone = engine.execution_options(begin="EXCLUSIVE")
        with alone.connect() as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()
        if file.exists():
            turn_on_wal(file)


@contextmanager
def _alone_on_server(database: Database) -> Iterator[Connection]:
    at = f'"{database.schema}".' if database.schema else ""
    tables = ", ".join(f"{at}{table}" for table in metadata.tables)
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name "
        "AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    database.engine.dispose()
    with database.engine.connect() as connection, connection.begin():
        try:
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            connection.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
            if connection.scalar(others, {"name": database.schema}):
                raise FewshotLabError(_OPEN.format("The project"))
        except DBAPIError:
            raise FewshotLabError(_OPEN.format("The project")) from None
        yield connection
