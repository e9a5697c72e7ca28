"""What the processes of a run leave behind: a log each, and the sentence with which one ended.

The first process keeps the run's status and log; the others tell it here why they ended.
"""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import disk_sentence, read_json, write_json
from fewshot_lab.jobs import LOG

_ENDED = "ended-*.json"


class LostProcess(FewshotLabError):  # noqa: N818
    """A process ended because another one did."""


def log_of_rank(folder: Path, rank: int) -> Path:
    """Return where a process writes."""
    return folder / (f"log-{rank}.txt" if rank else LOG)


def write_own_log(folder: Path, rank: int) -> None:
    """Send all that this process writes from now on, to its own log."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log_of_rank(folder, rank).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


@contextmanager
def ending_noted(folder: Path, rank: int) -> Iterator[None]:
    """Leave the sentence of what ends the ``with`` block, before others notice that it ended."""
    path = folder / _ENDED.replace("*", str(rank))
    path.unlink(missing_ok=True)
    try:
        yield
    except Stopped:
        raise
    except BaseException as error:
        unexpected = (
            f"an unexpected error ({type(error).__name__}): see {log_of_rank(folder, rank)}"
        )
        sentence = str(error) if isinstance(error, FewshotLabError) else disk_sentence(error)
        note_ending(folder, rank, sentence or unexpected, followed=isinstance(error, LostProcess))
        raise


def note_ending(folder: Path, rank: int, sentence: str, *, followed: bool) -> None:
    """Leave the sentence of what ended a process; `followed` where another one was the reason."""
    note = {"rank": rank, "machine": platform.node(), "sentence": sentence, "followed": followed}
    with suppress(OSError):
        write_json(folder / _ENDED.replace("*", str(rank)), note, lasting=False)


def forget_endings(folder: Path) -> None:
    """Forget how the processes of an earlier start ended."""
    for path in folder.glob(_ENDED):
        path.unlink(missing_ok=True)


def first_ending(folder: Path) -> str | None:
    """Return the sentence of the process that ended first; None where none left any."""
    notes = [note for path in sorted(folder.glob(_ENDED)) if (note := read_json(path))]
    if not notes:
        return None
    first = min(notes, key=lambda note: bool(note.get("followed")))
    sentence = str(first.get("sentence"))
    if first.get("followed") or sentence.startswith("Process "):
        return sentence
    return f"Process {first.get('rank')} ({first.get('machine')}): {sentence}"
