"""Long work that goes on from where it was stopped."""

import time
from collections.abc import Callable, Iterable
from zipfile import BadZipFile

KEPT_EVERY = 60.0
"""Seconds of work that a killed process loses."""
UNREADABLE = (OSError, ValueError, KeyError, EOFError, BadZipFile)
"""What NumPy raises for a file that is missing or damaged."""


def take_steps(steps: Iterable[None], keep: Callable[[], None]) -> None:
    """Take all steps of long work, and keep what is done every minute and when it is stopped.

    Parameters
    ----------
    steps : iterable
        Between two of them there is something whole to keep.
    keep : callable
    """
    kept_at = time.monotonic()
    try:
        for _ in steps:
            if time.monotonic() - kept_at > KEPT_EVERY:
                keep()
                kept_at = time.monotonic()
    except BaseException:
        keep()
        raise
