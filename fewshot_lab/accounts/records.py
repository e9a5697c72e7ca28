"""The server's journal: who signed in or failed to, invitations, projects made and deleted."""

from typing import Any

from sqlalchemy import Connection

from fewshot_lab.accounts.database import accounts_database, journal
from fewshot_lab.acting import actor
from fewshot_lab.store import JournalEntry, append_entry, read_entries, verify_journal


def note_in(connection: Connection, what: str, **detail: Any) -> None:
    """Write into the journal, in a transaction that also does what is noted."""
    append_entry(connection, journal, actor(), what, detail)


def note(what: str, **detail: Any) -> None:
    """Write into the journal what is done on this server now, and by whom."""
    with accounts_database().write() as connection:
        note_in(connection, what, **detail)


def server_journal() -> list[JournalEntry]:
    """Return the journal, the oldest entry first."""
    with accounts_database().read() as connection:
        return read_entries(connection, journal)


def verify_server_journal() -> tuple[int, list[str]]:
    """Return how many entries there are, and which were changed behind the app's back."""
    with accounts_database().read() as connection:
        return verify_journal(connection, journal)
