"""The accounts of a home, in a file beside its projects: people, invitations, sessions, journal."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

from fewshot_lab import home
from fewshot_lab.store import LONGEST_NAME, Database, Plan, journal_table

FILE = Path(".accounts") / "accounts.sqlite"

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

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

PLAN = Plan("accounts", metadata, version=1, append_only=("journal",))


def accounts_database() -> Database:
    """Return the database of the home's accounts, made on first use."""
    return _opened(home.home() / FILE)


@lru_cache(maxsize=8)
def _opened(file: Path) -> Database:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(file, schema=None, create=True, plan=PLAN)
