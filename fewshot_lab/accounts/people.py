"""People of a server: who they are, by which password, and who administers it."""

import secrets
import time
from dataclasses import dataclass
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select, update

from fewshot_lab.accounts.database import accounts_database, invitations, people, sessions
from fewshot_lab.accounts.records import note_in
from fewshot_lab.accounts.sessions import forget_remembered, key_of
from fewshot_lab.acting import acting
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import LONGEST_NAME, tidy_name

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
DAY = 86400

_hasher = PasswordHasher()
_memory = BoundedSemaphore(2)
"""Each hash takes 64 MiB."""


@dataclass(frozen=True)
class Person:
    """Somebody who is known to the server."""

    name: str
    administrator: bool
    has_password: bool
    invited: bool


def known_people() -> list[Person]:
    """Return everybody, by name."""
    with accounts_database().read() as connection:
        rows = connection.execute(select(people)).all()
        waiting = set(
            connection.scalars(
                select(invitations.c.name).where(invitations.c.expires > int(time.time()))
            )
        )
    return sorted(
        (
            Person(row.name, bool(row.administrator), row.password is not None, row.name in waiting)
            for row in rows
        ),
        key=lambda person: person.name.casefold(),
    )


def is_administrator(name: str) -> bool:
    """Say whether somebody administers the server."""
    with accounts_database().read() as connection:
        query = select(people.c.administrator).where(people.c.name == name)
        return bool(connection.scalar(query))


def set_administrator(name: str, administrator: bool = True) -> None:
    """Make somebody an administrator of the server, or one no more; anybody who can sign in."""
    name = checked_name(name)
    with accounts_database().write() as connection:
        changed = connection.execute(
            update(people).where(people.c.name == name).values(administrator=int(administrator))
        )
        if not changed.rowcount:
            connection.execute(people.insert().values(name=name, administrator=int(administrator)))
        note_in(connection, "administrator", name=name, administrator=administrator)


def invite(name: str, *, days: float = 7, administrator: bool = False) -> str:
    """Return what a link holds by which somebody sets a password, once; older ones end.

    Raises
    ------
    FewshotLabError
        For a name that cannot be one, or that differs from another by its capitals alone.
    """
    name = checked_name(name)
    token = secrets.token_urlsafe(24)
    with accounts_database().write() as connection:
        query = select(people.c.name).where(func.lower(people.c.name) == name.lower())
        known = connection.scalar(query)
        if known is not None and known != name:
            raise FewshotLabError(f"There is already an account named {known!r}.")
        if known is None:
            connection.execute(people.insert().values(name=name, administrator=int(administrator)))
        elif administrator:
            connection.execute(update(people).where(people.c.name == name).values(administrator=1))
        connection.execute(delete(invitations).where(invitations.c.name == name))
        expires = int(time.time() + days * DAY)
        connection.execute(
            invitations.insert().values(token=key_of(token), name=name, expires=expires)
        )
        note_in(connection, "invitation", name=name, administrator=administrator, days=days)
    return token


def invited(token: str) -> str:
    """Return whom an invitation is for.

    Raises
    ------
    FewshotLabError
        Where it was used, has run out, or never was one.
    """
    with accounts_database().read() as connection:
        query = select(invitations).where(invitations.c.token == key_of(token))
        row = connection.execute(query).first()
    if row is None or row.expires < time.time():
        raise FewshotLabError(
            "This invitation was already used or has expired: ask for another one."
        )
    return str(row.name)


def accept(token: str, password: str) -> str:
    """Set the password of whoever was invited, and return their name; the link ends.

    Raises
    ------
    FewshotLabError
        Where the invitation does not hold, or the password is too short.
    """
    name = invited(token)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise FewshotLabError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if password.casefold() == name.casefold() or len(set(password)) < 5:
        raise FewshotLabError("This password is too easy to guess: choose another.")
    with _memory:
        hashed = _hasher.hash(password)
    with accounts_database().write() as connection:
        used = connection.execute(delete(invitations).where(invitations.c.token == key_of(token)))
        if not used.rowcount:  # somebody was a moment faster
            raise FewshotLabError("This invitation was already used: ask for another one.")
        connection.execute(update(people).where(people.c.name == name).values(password=hashed))
        connection.execute(delete(sessions).where(sessions.c.name == name))
        with acting(name):
            note_in(connection, "password")
    forget_remembered()
    return name


@cache
def _nobody() -> str:
    """Return what is checked in place of a name that is not known: the answer takes as long."""
    return _hasher.hash(secrets.token_hex())


def check_password(name: str, password: str) -> str | None:
    """Return the name as it is kept where the password is that person's, else None."""
    name = tidy_name(name)
    with accounts_database().read() as connection:
        query = select(people).where(func.lower(people.c.name) == name.lower())
        row = connection.execute(query).first()
    hashed = row.password if row is not None and row.password else None
    nobody = _nobody()  # whoever asks: the first one, too, learns nothing from the time
    try:
        with _memory:
            _hasher.verify(hashed or nobody, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    return str(row.name) if row is not None and hashed else None


def remove(name: str) -> None:
    """Forget somebody: they are signed out at once and can sign in no more; labels stay theirs.

    Raises
    ------
    FewshotLabError
        Where nobody has that name.
    """
    with accounts_database().write() as connection:
        gone = connection.execute(delete(people).where(people.c.name == name))
        if not gone.rowcount:
            raise FewshotLabError(f"There is no account named {name!r}.")
        connection.execute(delete(invitations).where(invitations.c.name == name))
        connection.execute(delete(sessions).where(sessions.c.name == name))
        note_in(connection, "removed", name=name)
    forget_remembered()


def checked_name(name: str) -> str:
    """Return a name as it is kept.

    Raises
    ------
    FewshotLabError
        Where no label could carry it.
    """
    name = tidy_name(name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise FewshotLabError(
            f"A name has 1 to {LONGEST_NAME} characters, all of them printable; {name[:80]!r} "
            "cannot be one."
        )
    return name
