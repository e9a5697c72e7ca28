"""Sessions: how long somebody who signed in stays so, by the hash of what the browser holds."""

import hashlib
import secrets
import time
from threading import Lock

from sqlalchemy import delete, select, update

from fewshot_lab.accounts.database import accounts_database, sessions
from fewshot_lab.accounts.records import note_in
from fewshot_lab.acting import acting

LONGEST = 12 * 3600
"""Seconds after which one signs in again, however busy."""
KEPT_SECONDS = 32 * 86400
"""Seconds: longer than any cookie that could come back lasts."""
REMEMBERED = 2.0
"""For so many seconds the database is not asked again."""
TOUCHED = 30
"""So often at most, in seconds, it is noted that somebody is there."""

_remembered: dict[tuple[str, str], tuple[float, str | None]] = {}
_lock = Lock()


def key_of(token: str) -> str:
    """Return the key of the session that a browser's cookie stands for."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin(name: str) -> str:
    """Begin a session, and return what the browser is to hold."""
    token = secrets.token_urlsafe(32)
    _store(key_of(token), name, int(time.time()))
    return token


def end(key: str) -> None:
    """Sign out: what the browser holds is worth nothing any more."""
    with accounts_database().write() as connection:
        name = connection.scalar(select(sessions.c.name).where(sessions.c.key == key))
        connection.execute(update(sessions).where(sessions.c.key == key).values(seen=0))
        if name is not None:
            with acting(name):
                note_in(connection, "sign-out")
    forget_remembered()


def name_of(key: str, idle: int, *, touch: bool = True) -> str | None:
    """Return who is signed in by a session; None where it has ended, or nobody was there for long.

    Parameters
    ----------
    key : str
    idle : int
        Seconds without anything done after which it ends.
    touch : bool
        This is something that a person did.
    """
    database = accounts_database()
    now = time.time()
    remembered = _remembered.get((str(database.file), key))
    if remembered is not None and now - remembered[0] < REMEMBERED:
        return remembered[1]
    with database.read() as connection:
        row = connection.execute(select(sessions).where(sessions.c.key == key)).first()
    alive = row is not None and now - row.seen <= idle and now - row.began <= LONGEST
    if row is not None and alive and touch and now - row.seen >= TOUCHED:
        with database.write() as connection:
            connection.execute(
                update(sessions)
                .where(sessions.c.key == key, sessions.c.seen > 0)
                .values(seen=int(now))
            )
    name = str(row.name) if row is not None and alive else None
    if touch or name is None:
        with _lock:
            if len(_remembered) > 1000:
                _remembered.clear()
            _remembered[str(database.file), key] = (now, name)
    return name


def adopt(key: str, name: str, began: float, idle: int, *, touch: bool = True) -> str | None:
    """Return who is signed in by a cookie that somebody else made and signed, at ``began``.

    It counts from its first use here, which must be soon after it was made: so it cannot outlive
    its session, although the browser keeps it.
    """
    with accounts_database().read() as connection:
        known = connection.scalar(select(sessions.c.name).where(sessions.c.key == key))
    if known is None:
        if not -60 <= time.time() - began <= idle:
            return None
        _store(key, name, int(began))
    return name_of(key, idle, touch=touch)


def _store(key: str, name: str, began: int) -> None:
    now = int(time.time())
    with accounts_database().write() as connection, acting(name):
        connection.execute(delete(sessions).where(sessions.c.began < now - KEPT_SECONDS))
        connection.execute(delete(sessions).where(sessions.c.key == key))
        connection.execute(sessions.insert().values(key=key, name=name, began=began, seen=now))
        note_in(connection, "sign-in")
    forget_remembered()


def forget_remembered() -> None:
    """Ask the database anew who is signed in."""
    with _lock:
        _remembered.clear()
