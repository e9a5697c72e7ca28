"""Heavy work at the terminal waits its turn, as the app's jobs do."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fewshot_lab.cli.options import answer, open_project, option

Now = Annotated[bool, option("Start beside other heavy jobs, without waiting.")]


def in_turn(project: str, *, now: bool, device: str | None = None) -> dict[str, Any] | None:
    """Return what the line is told of work on a project; None where it begins at once.

    A job waits by itself; what Slurm started has waited in Slurm's line.

    Raises
    ------
    FewshotLabError
        For a project there is not, before and not after hours of waiting.
    """
    if now or answer().job is not None or "SLURM_JOB_ID" in os.environ:
        return None
    with open_project(project):
        return {"project": project, "device": device}


@contextmanager
def wait_in_line(work: dict[str, Any]) -> Iterator[None]:
    """Wait, say on stderr for whom, and keep the turn until the ``with`` block is left."""
    from fewshot_lab.jobs import queue_slot

    last = ""

    def waiting(sentence: str) -> bool:
        nonlocal last
        if sentence != last:
            last = sentence
            say_who_waits(sentence)
        return False

    with queue_slot(work, waiting):
        yield


def say_who_waits(sentence: str) -> None:
    """Say on stderr for whom the terminal waits."""
    print(f"{sentence} Ctrl+C stops waiting; --now starts at once.", file=sys.stderr)
