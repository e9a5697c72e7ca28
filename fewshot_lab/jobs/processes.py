"""Telling a living process from a dead one, a zombie, and another one with the same number."""

import os
import socket
import subprocess
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """A process, named so that its number cannot be mistaken for a later one's.

    Attributes
    ----------
    pid : int
    started : str or None
        When it began, as the system says it.
    machine : str
        Host, boot and namespace in which the number means something.
    """

    pid: int
    started: str | None
    machine: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name a process that lives now."""
        found = _look(pid)
        return cls(pid, found[1] if found else None, this_machine())

    @classmethod
    def read(cls, stored: Any) -> Self | None:
        """Return what :meth:`stored` had made; None for anything else."""
        try:
            return cls(int(stored["pid"]), stored["started"], str(stored["machine"]))
        except (TypeError, KeyError, ValueError):
            return None

    def stored(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    def alive(self) -> bool | None:
        """Say whether it lives; None where that cannot be seen from here.

        A zombie is dead: it has ended and only waits for its parent to take note.
        """
        if self.machine != this_machine():
            return None
        if os.name != "posix":  # asking by a signal would end it there
            return None
        found = _look(self.pid)
        if found is None:
            return False
        state, started = found
        return state != "Z" and (self.started is None or started == self.started)


def _look(pid: int) -> tuple[str, str] | None:
    """Return (state letter, start) of a process, or None where there is none."""
    if _PROC.joinpath("self", "stat").exists():
        try:
            stat = _PROC.joinpath(str(pid), "stat").read_text()
        except OSError:
            return None
        # The name stands in brackets and may hold anything, brackets too.
        fields = stat.rpartition(")")[2].split()
        return fields[0], fields[19]
    if os.name != "posix":
        return None
    asked = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = asked.stdout.strip().partition(" ")
    return (state[0], started.strip()) if state else None


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Name this host since its last start, and the space its process numbers belong to."""
    return "|".join((socket.gethostname(), _boot(), _namespace()))


def _boot() -> str:
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        pass
    try:
        asked = ["sysctl", "-n", "kern.boottime"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str((_PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        return ""
