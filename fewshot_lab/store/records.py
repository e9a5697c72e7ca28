"""Settings, members, and the journal of what was done to a project beside labelling."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from fewshot_lab.acting import actor
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.chain import LogHead, log_head
from fewshot_lab.store.database import Database
from fewshot_lab.store.journal import JournalEntry, append_entry, read_entries
from fewshot_lab.store.queries import position_at
from fewshot_lab.store.schema import journal, members, settings
from fewshot_lab.store.verification import Verdict, verify_log

CODE_KEY = "code_key"
"""The setting that holds the key of a project's codes."""
UNNOTED = ("last_used", CODE_KEY)
"""Settings that nobody decides on."""


class Records:
    """The part of the store that keeps what is no label."""

    _database: Database

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting."""
        with self._database.read() as connection:
            value = connection.scalar(select(settings.c.value).where(settings.c.key == key))
        return default if value is None else json.loads(value)

    def set(self, key: str, value: Any) -> None:
        """Keep a setting; anything that JSON can hold. The journal keeps who set it, and when.

        Raises
        ------
        FewshotLabError
            Where JSON cannot hold it.
        """
        self.change(key, lambda _: value)

    def change(self, key: str, change: Callable[[Any], Any]) -> None:
        """Keep what ``change`` makes of a setting (None where there is none), at one go.

        Raises
        ------
        FewshotLabError
            Where JSON cannot hold it.
        """
        with self._database.write() as connection:
            before = connection.scalar(select(settings.c.value).where(settings.c.key == key))
            value = change(None if before is None else json.loads(before))
            try:
                text = json.dumps(value)
            except (TypeError, ValueError) as error:
                raise FewshotLabError(f"The setting {key} cannot be kept: {error}.") from None
            connection.execute(delete(settings).where(settings.c.key == key))
            connection.execute(settings.insert().values(key=key, value=text))
            if before != text and key not in UNNOTED:
                _note(connection, "setting", {"setting": key, "value": value})

    def members(self) -> dict[str, str]:
        """Return the role of every member, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(members.c.name, members.c.role))
            ordered = sorted(rows, key=lambda row: row.name.casefold())
            return {row.name: row.role for row in ordered}

    def role_of(self, name: str) -> str | None:
        """Return the role of a member; None for somebody who is none."""
        with self._database.read() as connection:
            return connection.scalar(select(members.c.role).where(members.c.name == name))

    def set_member(self, name: str, role: str | None) -> None:
        """Give somebody a role, or none any more."""
        with self._database.write() as connection:
            named = members.c.name == name
            if connection.scalar(select(members.c.role).where(named)) == role:
                return
            connection.execute(delete(members).where(named))
            if role is not None:
                connection.execute(members.insert().values(name=name, role=role))
            _note(connection, "member", {"member": name, "role": role})

    def note(self, what: str, **detail: Any) -> None:
        """Write into the journal what is done now, and by whom; not on a read-only medium."""
        if self._database.is_read_only:
            return
        with self._database.write() as connection:
            _note(connection, what, detail)

    def journal(self) -> list[JournalEntry]:
        """Return the journal, the oldest entry first."""
        with self._database.read() as connection:
            return read_entries(connection, journal)

    def log_head(self, at: int | datetime | None = None) -> LogHead:
        """Return the log's last position and its hash, which stands for all labels until then.

        Parameters
        ----------
        at : int or datetime, optional
            A past position or moment.
        """
        with self._database.read() as connection:
            return log_head(connection, position_at(connection, at))

    def verify(self, recorded: tuple[LogHead, ...] = ()) -> Verdict:
        """Say whether labels or journal were changed behind the app's back, and where.

        Parameters
        ----------
        recorded : tuple of LogHead
            Positions and hashes that exports have named.
        """
        with self._database.read() as connection:
            return verify_log(connection, recorded)


def _note(connection: Connection, what: str, detail: dict[str, Any]) -> None:
    # It names the last hash of the labels, so that they cannot be cut short without a trace.
    append_entry(connection, journal, actor(), what, detail | {"log": str(log_head(connection))})
