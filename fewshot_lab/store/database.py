"""One connection to one database, with the little in which SQLite and PostgreSQL differ."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.store import schema
from fewshot_lab.store.chain import seal
from fewshot_lab.store.engines import (
    BUSY_SECONDS,
    parse_url,
    postgres_engine,
    readable_copy,
    sqlite_engine,
    turn_on_wal,
)
from fewshot_lab.store.migrations import copy_schema, make_tables, upgrade_tables

T = TypeVar("T")

_CHUNK = 5000  # below SQLite's 32,766 and PostgreSQL's 65,535 parameters


class Database:
    """An engine with consistent reads and serialised writes.

    Parameters
    ----------
    url_or_path : str or Path
        A file (SQLite), or a database URL (``sqlite:///...``, ``postgresql+psycopg://...``).
    schema : str, optional
        PostgreSQL only: the schema that holds the tables.
    create : bool
        Make the tables where there are none. A schema of PostgreSQL must not be there yet.
    rows : Connection, optional
        To the database whose rows a new one begins with.

    Raises
    ------
    FewshotLabError
        Where there is no such database, it cannot be opened, or a newer version wrote it.
    """

    def __init__(
        self,
        url_or_path: str | Path,
        *,
        schema: str | None,
        create: bool,
        rows: Connection | None = None,
    ):
        # Says no, by an error, to a writer who may not.
        self.may_write: Callable[[], None] | None = None
        self.file: Path | None = None
        self.schema: str | None = None
        self._copy: TemporaryDirectory[str] | None = None
        self._write_lock = RLock()
        url = parse_url(str(url_or_path)) if "://" in str(url_or_path) else None
        if url is None:
            self.file = Path(url_or_path).absolute()
        elif url.get_backend_name() == "sqlite":
            self.file = Path(url.database or "")
        if self.file is not None:
            if not create and not self.file.exists():
                raise FewshotLabError(f"There is no project database at {self.file}.")
            self.engine = sqlite_engine(self._writable_file())
        elif url is not None:
            self.schema = schema
            self.engine = postgres_engine(url, schema)
        try:
            self._prepare(create, rows)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection on which all queries see the same moment."""
        try:
            with self._reader.connect() as connection, connection.begin():
                yield connection
        except (DBAPIError, TimeoutError) as error:
            raise self._as_sentence(error, "read") from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the only connection that may write now; commits at the end.

        What was written is on the disk when the ``with`` block has been left without an error,
        and none of it is when it has been left with one.

        Raises
        ------
        Unavailable
            Where the disk or the server cannot take it now; another try may succeed.
        """
        self._refuse_if_read_only()
        if self.may_write is not None:
            self.may_write()
        try:
            with self._write_lock, self._writer.connect() as connection, connection.begin():
                if self.file is None:
                    # Readers go on; a second writer waits. So ids become visible in their order.
                    actions = f'"{self.schema}".actions' if self.schema else "actions"
                    connection.execute(text(f"LOCK TABLE {actions} IN EXCLUSIVE MODE"))
                yield connection
                seal(connection)
        except (DBAPIError, TimeoutError) as error:
            raise self._as_sentence(error, "write") from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._copy is not None:
            self._copy.cleanup()

    def _writable_file(self) -> Path:
        """Return the file of the database, or a copy where it lies on a read-only medium.

        SQLite cannot read a database in WAL mode without writing beside it.
        """
        assert self.file is not None
        if not self.file.exists() or os.access(self.file.parent, os.W_OK):
            return self.file
        self._copy = TemporaryDirectory(prefix="fewshot-lab-")
        return readable_copy(self.file, Path(self._copy.name))

    @property
    def is_read_only(self) -> bool:
        """Whether it lies on a medium that cannot be written to."""
        return self._copy is not None and self.file is not None

    def _refuse_if_read_only(self) -> None:
        if self._copy is not None and self.file is not None:
            raise Unavailable(
                f"{self.file.parent} is read-only, nothing can be stored in it: copy the project "
                "to a writable folder."
            )

    def drop(self) -> None:
        """Delete the database with everything in it."""
        self._refuse_if_read_only()
        if self.file is None:
            with self.engine.begin() as connection:
                self.drop_tables(connection)
            self.engine.dispose()
            return
        self.engine.dispose()
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)

    def drop_tables(self, connection: Connection) -> None:
        """Delete everything that a server holds of a project, at the end of a transaction."""
        if not self.schema:
            schema.metadata.drop_all(connection)
            return
        older = [copy_schema(self.schema, v) for v in range(1, schema.SCHEMA_VERSION)]
        for place in (self.schema, *older):
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{place}" CASCADE'))

    # -- opening -------------------------------------------------------------------------------

    def _prepare(self, create: bool, rows: Connection | None) -> None:
        self._reader: Engine = self.engine
        self._writer: Engine = self.engine.execution_options(begin="IMMEDIATE")
        if self.file is None:
            # A snapshot for reads; a writer must see what was committed while it waited.
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            version = self._version()
            if version is None:
                if not create:
                    where = self.file or f"schema {self.schema}"
                    raise FewshotLabError(f"{where} is not the database of a project.")
                self._create(rows)
                version = self._version()
            elif create and self.schema and version <= schema.SCHEMA_VERSION:
                with self.engine.connect() as connection:
                    self._make_schema(connection)
        except DBAPIError as error:
            raise self._as_sentence(error, "open") from error
        if version is not None and version > schema.SCHEMA_VERSION:
            raise FewshotLabError(
                "This project was written by a newer version of Fewshot Lab "
                f"(data format {version}, this version reads up to {schema.SCHEMA_VERSION}): "
                "update Fewshot Lab to open it."
            )
        if version is not None and version < schema.SCHEMA_VERSION:
            try:
                self._upgrade()
            except DBAPIError as error:
                raise self._as_sentence(error, "upgrade") from error
        if self.file is not None and self._copy is None:
            turn_on_wal(self.file)

    def _version(self) -> int | None:
        with self.engine.connect() as connection:
            if not inspect(connection).has_table("schema_version", schema=self.schema):
                return None
            newest = select(func.max(schema.schema_version.c.version))
            version: int | None = connection.scalar(newest)
            return version

    def _create(self, rows: Connection | None) -> None:
        with self._writer.connect() as connection, connection.begin():
            if self.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(4715308)"))
                if self.schema:
                    self._make_schema(connection)
            if inspect(connection).has_table("schema_version", schema=self.schema):
                return  # another process was first
            make_tables(connection, self.schema, rows)

    def _make_schema(self, connection: Connection) -> None:
        # Nobody else's tables are taken for this project's, or deleted with it.
        if inspect(connection).has_schema(str(self.schema)):
            raise FewshotLabError(
                f"There is a schema {self.schema} on the database server already: it may belong "
                "to a copy of this project, or be left by work that was interrupted."
            )
        connection.execute(text(f'CREATE SCHEMA "{self.schema}"'))

    def _upgrade(self) -> None:
        """Bring an older database up to this version: in one transaction, all of it or nothing."""
        with self._writer.connect() as connection, connection.begin():
            if self.file is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(4715308)"))
            upgrade_tables(connection, self.schema, self.file)

    def _as_sentence(self, error: DBAPIError | TimeoutError, verb: str) -> FewshotLabError:
        where = self.file or "the database server"
        orig = str(getattr(error, "orig", None) or error).strip()
        reason = orig.splitlines()[0] if orig else ""
        if "locked" in reason or "busy" in reason:
            return Unavailable(
                f"{where} has been busy for {BUSY_SECONDS} s, nothing was stored: try again."
            )
        if "not a database" in reason or "malformed" in reason:
            return FewshotLabError(f"{where} is not the database of a project, or is damaged.")
        room = " Is there room on its disk?" if "disk" in reason else ""
        # The database is there and takes other values; all other errors are of its own making.
        refused = isinstance(error, (DataError, IntegrityError, ProgrammingError))
        kind = FewshotLabError if refused else Unavailable
        return kind(f"{where} could not be {_PAST[verb]}: {reason}.{room}")


_PAST = {
    "read": "read",
    "write": "written, nothing was stored",
    "open": "opened",
    "upgrade": "brought up to this version",
}


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """Cut a long list into pieces that fit the number of parameters of one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def rows_where(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Any]:
    """Yield the rows of a query in which a column has one of many values."""
    for some in chunks(list(values)):
        yield from connection.execute(query.where(column.in_(some)))


def next_key(connection: Connection, column: Column[Any]) -> int:
    """Return the key for the next row; only for whoever holds the write lock."""
    return (connection.scalar(select(func.max(column))) or 0) + 1
