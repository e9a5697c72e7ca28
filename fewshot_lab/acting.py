"""Who acts now: whoever is signed in, whoever started the work, else the system's user."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

VARIABLE = "FEWSHOT_LAB_ACTOR"
"""Names for a process that was started by the app whoever asked for it."""

_actor: ContextVar[str | None] = ContextVar("actor", default=None)
_lookups: list[Callable[[], str | None]] = []


def actor() -> str:
    """Return the name that goes into the records of what is done now."""
    names = (name for lookup in _lookups if (name := lookup()))
    return _actor.get() or next(names, None) or os.environ.get(VARIABLE) or system_user()


def system_user() -> str:
    """Return the name of the operating system's user."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return os.environ.get("USER", "annotator")


@contextmanager
def acting(name: str | None) -> Iterator[None]:
    """Do something in the name of a person; None for whoever it would be without."""
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


def look_up_by(lookup: Callable[[], str | None]) -> None:
    """Ask a function too, which knows who looks at the page that runs in this thread."""
    if lookup not in _lookups:
        _lookups.append(lookup)
