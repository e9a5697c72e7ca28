"""The accounts of a home, in a file beside its projects: people, invitations, sessions, journal."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.exc import DBAPIError

from fewshot_lab import home
from fewshot_lab.errors import Unavailable
from fewshot_lab.store import LONGEST_NAME, append_only, journal_table, sqlite_engine, turn_on_wal

FILE = Path(".accounts") / "accounts.sqlite"

metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("name", String(LONGEST_NAME), primary_key=True),
    Column("password", Text),  # argon2; NULL until an invitation is taken up, or for ever
    Column("administrator", Integer, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256 of what the link holds
    Column("name", String(LONGEST_NAME), nullable=False),
    Column("expires", BigInteger, nullable=False),  # seconds since 1970
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", String(64), primary_key=True),  # SHA-256 of what the browser's cookie holds
    Column("name", String(LONGEST_NAME), nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),  # 0: signed out
)

journal = journal_table(metadata)


class Accounts:
    """The database of the accounts: consistent reads, one writer at a time.

    Parameters
    ----------
    file : Path
    """

    def __init__(self, file: Path):
        self.file = file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn_on_wal(file)
        self._reader = sqlite_engine(file)
        self._writer = self._reader.execution_options(begin="IMMEDIATE")
        with self._writer.connect() as connection, connection.begin():
            if not inspect(connection).has_table("people"):
                metadata.create_all(connection)
                for statement in append_only(connection, None, ("journal",)):
                    connection.exec_driver_sql(statement)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection on which all queries see the same moment."""
        with self._sentences(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the only connection that may write now; commits at the end."""
        with self._sentences(), self._writer.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise Unavailable(f"The accounts ({self.file}) cannot be used: {error.orig}.") from None


def accounts_database() -> Accounts:
    """Return the database of the home's accounts, made on first use."""
    return _opened(home.home() / FILE)


@lru_cache(maxsize=8)
def _opened(file: Path) -> Accounts:
    return Accounts(file)
