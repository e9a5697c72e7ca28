"""Engines: how SQLite and PostgreSQL are connected to."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from fewshot_lab.errors import FewshotLabError, as_sentence

BUSY_SECONDS = 30


def parse_url(text: str) -> URL:
    """Return a database URL; that of PostgreSQL names its driver.

    Raises
    ------
    FewshotLabError
        Where it cannot be read, or is of another kind of database.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise FewshotLabError(
            "The database URL cannot be read; "
            "write it like postgresql+psycopg://user:password@host/name."
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise FewshotLabError(
            f"The database must be SQLite or PostgreSQL, not {url.get_backend_name()}."
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def sqlite_engine(file: Path) -> Engine:
    """Return an engine on a file that need not exist yet.

    A connection serves one thread at a time, and each thread gets one.
    """

    def connect() -> sqlite3.Connection:
        # Paths with "?" or "%" are taken as they are, unlike in a URL. Transactions are begun
        # by the listener below, not guessed by the driver.
        connection = sqlite3.connect(
            file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
            connection.execute("PRAGMA foreign_keys = ON")
            # In WAL mode, FULL syncs the log at every commit: an acknowledged label outlives a
            # killed process and a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.DatabaseError:  # no database at all
            connection.close()
            raise
        return connection

    with as_sentence(f"{file.parent} cannot be made"):
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=56
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a writer waits at the door instead of failing when it turns from reading
        # to writing after someone else has written.
        how = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {how}")

    return engine


def copy_sqlite(source: sqlite3.Connection, copy: Path) -> None:
    """Write a database, as it is at one moment, into a file that needs none beside it."""
    with closing(sqlite3.connect(copy)) as target:
        source.backup(target)  # in one step: those who write meanwhile are not waited for
        target.execute("PRAGMA journal_mode = DELETE")


def readable_copy(file: Path, folder: Path) -> Path:
    """Copy a database that cannot be written to, as it is now.

    Raises
    ------
    FewshotLabError
        Where it cannot be read, or there is no room for the copy.
    """
    copy = folder / file.name
    with as_sentence(f"{file} cannot be read"):
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source:
                copy_sqlite(source, copy)
        except sqlite3.Error:  # nobody has it open: then its files hold still
            for suffix in ("", "-wal"):
                part = file.with_name(file.name + suffix)
                if part.exists():
                    shutil.copyfile(part, folder / part.name)
    return copy


def server_version(url: str) -> str:
    """Return the version of a PostgreSQL server that answers within some seconds.

    Raises
    ------
    FewshotLabError
        Where it does not, or the URL is of another kind.
    """
    server = parse_url(url)
    if server.get_backend_name() != "postgresql":
        raise FewshotLabError("FEWSHOT_LAB_DATABASE must be the URL of a PostgreSQL server.")
    engine = postgres_engine(server.update_query_dict({"connect_timeout": "3"}), None)
    try:
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise FewshotLabError(f"The database server does not answer: {reason}") from None
    finally:
        engine.dispose()


def turn_on_wal(file: Path) -> None:
    """Switch the file to WAL, which is kept in it; two who do it at once may have to repeat."""
    for attempt in range(50):
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 49:
                raise FewshotLabError(f"{file} cannot be written: {error}.") from None
            time.sleep(0.05)
        except sqlite3.DatabaseError:
            raise FewshotLabError(f"{file} is not the database of a project.") from None
        finally:
            connection.close()


def postgres_engine(url: URL, schema: str | None) -> Engine:
    """Return an engine on a server, its tables in a schema where one is named."""
    try:
        engine = create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            # Says on the server which project a connection is for; at most 63 characters count.
            connect_args={"application_name": schema or "fewshot-lab"},
        )
    except NoSuchModuleError:
        raise FewshotLabError(f"There is no driver named {url.drivername}.") from None
    except ModuleNotFoundError as error:
        raise FewshotLabError(
            f"PostgreSQL needs the package {error.name}: pip install 'psycopg[binary]'."
        ) from None
    return engine.execution_options(schema_translate_map={None: schema}) if schema else engine
