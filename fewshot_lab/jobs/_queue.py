"""One heavy job at a time on a machine: whoever comes later waits in line.

A place in the line is a numbered file that its holder keeps locked. The system lets go of the
lock when the holder dies, however it dies, so that nobody waits for the dead.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: no line, jobs run side by side
    fcntl = None  # type: ignore[assignment]

HEAVY = {
    "embed",
    "prepare",
    "demo",
    "pretrain",
    "evaluate-nshot",
    "evaluate-replay",
    "evaluate-backbones",
}
"""Verbs of which one at a time runs on a machine."""

_POLL_SECONDS = 0.3


def is_heavy(spec: dict[str, Any]) -> bool:
    """Say whether a job waits in line."""
    return spec.get("verb") in HEAVY or "--prepare" in spec.get("args", ())


def first_word(spec: dict[str, Any]) -> dict[str, str]:
    """Return state and message of a job that has not said anything yet."""
    if is_heavy(spec):
        return {"state": "queued", "message": "Starting."}
    return {"state": "running", "message": ""}


@contextmanager
def in_line(folder: Path, about: dict[str, Any], waiting: Callable[[str], None]) -> Iterator[None]:
    """Wait for one's turn, and keep it until the ``with`` block is left.

    Parameters
    ----------
    folder : Path
        Where the line stands; one for the machine.
    about : dict
        "verb" and "project", for the sentence that others read while they wait.
    waiting : callable
        Called a few times a second while others are before, with a sentence that says who. It
        may raise, to leave the line.
    """
    if fcntl is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    ticket, held = _take_ticket(folder, about)
    try:
        while (first := _first_before(folder, int(ticket.name))) is not None:
            waiting(first)
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        ticket.unlink(missing_ok=True)
        os.close(held)


def _take_ticket(folder: Path, about: dict[str, Any]) -> tuple[Path, int]:
    # Numbers are given out one at a time, and a ticket is locked before its number is free to be
    # seen: so whoever looks at the tickets before its own sees all there will ever be.
    mutex = os.open(folder / ".mutex", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        ticket = folder / f"{max(_numbers(folder), default=0) + 1:09d}"
        held = os.open(ticket, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
        os.write(held, json.dumps(about).encode())
        return ticket, held
    finally:
        os.close(mutex)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def _first_before(folder: Path, number: int) -> str | None:
    """Return a sentence about the living holder of the lowest number before ours, if any."""
    for before in _numbers(folder):
        if before >= number:
            return None
        ticket = folder / f"{before:09d}"
        try:
            handle = os.open(ticket, os.O_RDWR)
        except OSError:
            continue  # its holder has just left
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return _sentence(handle)
        else:
            ticket.unlink(missing_ok=True)  # its holder died
        finally:
            os.close(handle)
    return None


def _sentence(handle: int) -> str:
    try:
        about = json.loads(os.read(handle, 10_000))
        return f"Waiting until “{about['verb']}” of {about['project']} has ended."
    except (ValueError, KeyError, TypeError):
        return "Waiting until another job has ended."
