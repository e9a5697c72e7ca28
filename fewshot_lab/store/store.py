"""The store of one project: its parts joined in one object."""

import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Self

from fewshot_lab.store.audit_rows import AuditSet
from fewshot_lab.store.classes import Classes
from fewshot_lab.store.current_labels import CurrentLabels
from fewshot_lab.store.database import Database
from fewshot_lab.store.image_import import ImageImport
from fewshot_lab.store.images import Images
from fewshot_lab.store.label_table import LabelTables
from fewshot_lab.store.labels import Labels
from fewshot_lab.store.log import Log
from fewshot_lab.store.moving import copy_database, save_copy
from fewshot_lab.store.records import Records
from fewshot_lab.store.relinking import Relinking
from fewshot_lab.store.team_history import TeamHistory
from fewshot_lab.store.undo import Undo


class Store(
    Images,
    ImageImport,
    Relinking,
    Classes,
    Labels,
    Log,
    LabelTables,
    Undo,
    AuditSet,
    TeamHistory,
    Records,
):
    """A project's images, classes and labels, in SQLite or PostgreSQL.

    Any number of threads and processes may hold one at a time. Labels and class changes are
    stored as an append-only log of events; whatever is current is a query over it.
    """

    def __init__(self, database: Database):
        self._database = database
        self._current = CurrentLabels()
        self._ids: list[str] = []
        self._ids_lock = Lock()
        # Whoever forgets to close it leaves no connection open.
        weakref.finalize(self, database.close)

    @classmethod
    def open(
        cls, url_or_path: str | Path, schema: str | None = None, *, create: bool = False
    ) -> Self:
        """Open a project's database.

        Parameters
        ----------
        url_or_path : str or Path
            A file (SQLite) or a URL (``postgresql+psycopg://user@host/database``).
        schema : str, optional
            PostgreSQL: the schema of this project.
        create : bool
            Make it where there is none.

        Raises
        ------
        FewshotLabError
            Where there is none, it cannot be opened, or a newer version wrote it.
        """
        return cls(Database(url_or_path, schema=schema, create=create))

    @classmethod
    def copy(cls, file: Path, url_or_path: str | Path, schema: str | None = None) -> Self:
        """Make a project's database that begins with all rows of a file, and open it."""
        with closing(cls.open(file)) as old, old._database.read() as rows:
            return cls(copy_database(rows, url_or_path, schema))

    def save_copy(self, file: Path) -> None:
        """Write all rows into a new SQLite file; see :func:`fewshot_lab.store.moving.save_copy`."""
        save_copy(self._database, file)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def only_if(self, may_write: Callable[[], None]) -> None:
        """Ask before every change whether it may be; the answer no is an error."""
        self._database.may_write = may_write

    def drop(self) -> None:
        """Delete the database with all labels."""
        self._database.drop()
