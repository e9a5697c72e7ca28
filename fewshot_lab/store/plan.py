"""What a database holds, and what each version of it added to the one before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table


@dataclass(frozen=True)
class Upgrade:
    """What a version added to the one before it; a new database has all of it from the start."""

    tables: tuple[Table, ...] = ()
    columns: tuple[Column[Any], ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The tables of a database and the rules they keep.

    Attributes
    ----------
    what : str
        Of what it is the database, for sentences.
    metadata : MetaData
        Its tables; ``schema_version`` is one of them.
    version : int
    append_only : tuple of str
        Tables whose rows are only ever added.
    checks : mapping from table to rules
        What every new row keeps to.
    upgrades : mapping from version to Upgrade
        By the version that each leads to.
    before_commit : function of a connection, and of whether it is an upgrade
        Completes every transaction that writes.
    """

    what: str
    metadata: MetaData
    version: int
    append_only: tuple[str, ...]
    checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)
    before_commit: Callable[[Connection, bool], None] = lambda connection, upgrade: None
