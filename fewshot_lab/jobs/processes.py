"""Telling a living process from a dead one, a zombie, and another one with the same number."""

import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import psutil

_PROC = Path("/proc")
_CLOCK_SECONDS = 1.0
"""By which the start of one process may seem to differ from one look to the next."""


@dataclass(frozen=True)
class ProcessId:
    """A process, named so that its number cannot be mistaken for a later one's.

    Attributes
    ----------
    pid : int
    after_boot : float or None
        When it began, in seconds after the machine did: the machine's clock may be set anew.
    machine : str
        Host, boot and namespace in which the number means something.
    """

    pid: int
    after_boot: float | None
    machine: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name a process that lives now."""
        after_boot = None
        with suppress(psutil.Error):
            after_boot = _after_boot(psutil.Process(pid))
        return cls(pid, after_boot, this_machine())

    @classmethod
    def read(cls, stored: Any) -> Self | None:
        """Return what :meth:`stored` had made; None for anything else."""
        try:
            return cls(int(stored["pid"]), stored.get("after_boot"), str(stored["machine"]))
        except (TypeError, KeyError, ValueError):
            return None

    def stored(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @property
    def here(self) -> bool:
        """Whether its number means something on this machine."""
        return self.machine == this_machine()

    def process(self) -> psutil.Process | None:
        """Return the process while it lives here.

        A zombie is dead: it has ended and only waits for its parent to take note.
        """
        if not self.here:
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            began = self.after_boot
            same = began is None or abs(_after_boot(process) - began) < _CLOCK_SECONDS
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    def kill_tree(self) -> None:
        """End it at once, with all that it started."""
        with suppress(psutil.NoSuchProcess):
            process = self.process()
            for each in (*process.children(recursive=True), process) if process else ():
                with suppress(psutil.NoSuchProcess):
                    each.kill()


def _after_boot(process: psutil.Process) -> float:
    boot: float = psutil.boot_time()
    return float(process.create_time()) - boot


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Name this host since its last start, and the space its process numbers belong to."""
    return "|".join((socket.gethostname(), _boot(), _namespace()))


def _boot() -> str:
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return str(round(psutil.boot_time()))


def _namespace() -> str:
    try:
        return str((_PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        return ""
