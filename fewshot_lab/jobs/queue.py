"""Heavy jobs of a machine go one after the other where they would use the same GPU or processors.

A place in the line is a numbered file that its holder keeps locked. The system lets go of the
lock when the holder dies, however it dies, so that nobody waits for the dead. The line is one for
the machine, whoever's jobs they are: two homes have one GPU. Processors are shared more easily, so
there only the jobs of one home wait for each other.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from fewshot_lab.home import home

try:
    import fcntl
except ImportError:  # Windows: no line, jobs run side by side
    fcntl = None  # type: ignore[assignment]

HEAVY = {
    "embed",
    "prepare",
    "demo",
    "pretrain",
    "try-backbone",
    "compare-backbones",
    "evaluate-nshot",
    "evaluate-replay",
    "evaluate-backbones",
}
"""Verbs that wait in line."""

QUEUE = "FEWSHOT_LAB_QUEUE"
"""Environment variable: the folder of the line, instead of one beside temporary files."""

_POLL_SECONDS = 0.3
_PATIENCE_SECONDS = 12 * 3600.0
"""For so long other users are waited for: a ticket can be held without any work behind it."""
_MUTEX_SECONDS = 5.0
"""Longer than anybody needs for a ticket: who keeps the lock longer stops nobody."""
_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW  # a pipe or a link of somebody else's


def is_heavy(spec: dict[str, Any]) -> bool:
    """Say whether a job waits in line; what Slurm starts has waited in Slurm's."""
    if spec.get("launcher") == "slurm":
        return False
    return spec.get("verb") in HEAVY or "--prepare" in spec.get("args", ())


def uses(spec: dict[str, Any]) -> list[str]:
    """Return what a job needs for itself: GPUs by number, or this home's share of the CPU."""
    args = list(spec.get("args", ()))
    device = spec.get("device")
    if device is None and "--device" in args[:-1]:
        device = args[args.index("--device") + 1]
    visible = _gpus()
    if device == "cpu" or (device is None and not visible):
        return [f"cpu of {home().absolute()}"]
    _, _, number = str(device or "").partition(":")
    if number.isdecimal():
        chosen = visible[int(number) : int(number) + 1] or [number]
    else:
        chosen = [str(gpu) for gpu in spec.get("gpus") or ()]
        chosen = chosen or visible[: int(spec.get("nproc", 1))] or ["0"]
    return [f"gpu {gpu}" for gpu in chosen]


def _gpus() -> list[str]:
    """Return the GPUs that a process started now would see, without loading torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu.strip() for gpu in chosen.split(",") if gpu.strip() not in ("", "-1")]
    names = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return sorted((name for name in names if name.isdecimal()), key=int)


def first_word(spec: dict[str, Any]) -> dict[str, str]:
    """Return state and message of a job that has not said anything yet."""
    if is_heavy(spec):
        return {"state": "queued", "message": "Starting."}
    return {"state": "running", "message": ""}


@contextmanager
def queue_slot(spec: dict[str, Any], waiting: Callable[[str], bool]) -> Iterator[None]:
    """Wait for one's turn, and keep it until the ``with`` block is left.

    Parameters
    ----------
    spec : dict
        Of the job: "project" and "name" (of a run) are read by others while they wait.
    waiting : callable
        Called a few times a second while others are before, with a sentence that says who. It
        returns whether to begin all the same, and may raise, to leave the line.
    """
    if fcntl is None:
        yield
        return
    folder = _folder()
    wanted = uses(spec)
    about = {name: spec.get(name) for name in ("project", "name")} | {"uses": wanted}
    ticket, held = _take_ticket(folder, about)
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while first := _first_before(folder, ticket, wanted, others=time.monotonic() < until):
            if waiting(first):
                break
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        ticket.unlink(missing_ok=True)
        os.close(held)


def _folder() -> Path:
    chosen = os.environ.get(QUEUE)
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / "fewshot-lab-queue"
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)  # everybody's, as the folder for temporary files is
    except FileExistsError:
        pass
    except OSError:
        return _own_folder()
    usable = os.access(folder, os.R_OK | os.W_OK | os.X_OK) and not folder.is_symlink()
    return folder if usable else _own_folder()


def _own_folder() -> Path:
    folder = home() / ".queue"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _take_ticket(folder: Path, about: dict[str, Any]) -> tuple[Path, int]:
    # Numbers are given out one at a time, and a ticket is locked before its number is free to be
    # seen: so whoever looks at the tickets before its own sees all there will ever be.
    mutex = _mutex(folder / ".mutex")
    try:
        if mutex is not None:
            _lock(mutex)
        for step in count(1):
            ticket = folder / f"{max(_numbers(folder), default=0) + step:09d}"
            with suppress(FileExistsError):  # only where the mutex could not be had
                held = os.open(ticket, os.O_RDWR | os.O_CREAT | os.O_EXCL)
                break
        fcntl.flock(held, fcntl.LOCK_EX)
        os.fchmod(held, 0o644)
        os.write(held, json.dumps(about).encode())
        return ticket, held
    finally:
        if mutex is not None:
            os.close(mutex)


def _lock(mutex: int) -> None:
    until = time.monotonic() + _MUTEX_SECONDS
    while time.monotonic() < until:
        try:
            fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            time.sleep(0.01)


def _mutex(path: Path) -> int | None:
    try:
        return os.open(path, _LOOK)  # another user's can be read and locked, not written
    except FileNotFoundError:
        mutex = os.open(path, _LOOK | os.O_CREAT)
        os.fchmod(mutex, 0o644)
        return mutex
    except OSError:  # somebody has put another thing there
        return None


def _numbers(folder: Path) -> list[int]:
    return sorted(
        int(path.name) for path in folder.iterdir() if re.fullmatch("[0-9]{9,15}", path.name)
    )


def _first_before(folder: Path, own: Path, wanted: list[str], *, others: bool) -> str | None:
    """Return a sentence about the first living holder before ours of something we want, if any.

    With ``others``, also of other users; but those share GPUs with us, never a home's processors.
    """
    for before in _numbers(folder):
        if before >= int(own.name):
            return None
        ticket = folder / f"{before:09d}"
        try:
            handle = os.open(ticket, _LOOK)
        except OSError:
            continue  # its holder has just left
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            about = _about(handle)
            uses = about.get("uses", wanted)
            shared = set(wanted) & set(map(str, uses if isinstance(uses, list) else wanted))
            if os.fstat(handle).st_uid != os.geteuid():
                shared = {name for name in shared if others and name.startswith("gpu ")}
            if shared:
                return _sentence(about)
        else:
            with suppress(OSError):  # another user's cannot be taken away, and stops nobody
                ticket.unlink(missing_ok=True)  # its holder died
        finally:
            os.close(handle)
    return None


def _about(handle: int) -> dict[str, Any]:
    try:
        about = json.loads(os.read(handle, 10_000))
    except (OSError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _sentence(about: dict[str, Any]) -> str:
    if not about.get("project"):
        return "Waiting until other work has ended."
    if about.get("name"):
        return f"Waiting until the run “{about['name']}” of “{about['project']}” has ended."
    return f"Waiting until the work on “{about['project']}” has ended."
