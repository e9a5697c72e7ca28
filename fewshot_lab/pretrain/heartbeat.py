"""Signs of life between the processes of a run: one whose machine went dark is noticed.

Who is killed closes its connections, and the others end at once. A machine without power, or
without network, closes nothing, and gloo and nccl would wait for as long as they may. So each
process writes every few seconds into what the run keeps in common, and reads what the others wrote.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Self

from fewshot_lab.words import duration

LOST_SECONDS = "FEWSHOT_LAB_LOST_SECONDS"
"""Environment variable: after how long without a sign of life a process counts as lost."""
_LOST_SECONDS = 90.0
_LEFT = "left"


class Heartbeat:
    """Gives and watches signs of life for the length of a ``with`` block.

    Parameters
    ----------
    connect
        Opens a connection of its own to the store that the processes share: one that waits would
        keep the others waiting.
    rank : int
        This process.
    machines : sequence of str
        That of each process.
    lost
        Called with a sentence, from a thread of its own, once a process has given no sign of life
        for too long; the main thread may be waiting for that process.
    """

    def __init__(
        self,
        connect: Callable[[timedelta], Any],
        rank: int,
        machines: Sequence[str],
        lost: Callable[[str], None],
    ) -> None:
        self._connect, self._rank, self._machines, self._lost = connect, rank, machines, lost
        self._seconds = float(os.environ.get(LOST_SECONDS) or _LOST_SECONDS)
        self._pause = min(5.0, self._seconds / 8)
        self._ended = threading.Event()
        now = time.monotonic()
        self._answered = now  # when the store last answered
        self._seen = [now] * len(machines)

    def __enter__(self) -> Self:
        self._beating = threading.Thread(target=self._beat, name="signs of life", daemon=True)
        self._beating.start()
        threading.Thread(target=self._watch, name="watch the others", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._beating.join(2 * self._pause)  # so that it says that it leaves

    def _beat(self) -> None:
        """Write a sign of life and read the others'; may hang where the store's machine went."""
        store: Any = None
        last = [b""] * len(self._machines)
        number = 0
        while True:
            try:
                store = store or self._connect(timedelta(seconds=self._seconds))
                number += 1
                leaving = self._ended.is_set()
                store.set(_key(self._rank), _LEFT if leaving else str(number))
                if leaving:
                    return
                for rank in range(len(last)):
                    if store.check([_key(rank)]):
                        value = store.get(_key(rank))
                        if value != last[rank] or value == _LEFT.encode():
                            last[rank], self._seen[rank] = value, time.monotonic()
                self._answered = time.monotonic()
            except RuntimeError:  # whoever kept the store has gone: as long as it lasts
                if self._ended.is_set():
                    return
                store = None
            self._ended.wait(self._pause)

    def _watch(self) -> None:
        then = time.monotonic()
        while not self._ended.wait(self._pause):
            now = time.monotonic()
            if now - then > self._seconds / 2:  # this process itself was stopped
                self._answered, self._seen = now, [now] * len(self._seen)
            then = now
            rank = self._silent(now)
            if rank is not None:
                self._lost(
                    f"Process {rank} ({self._machines[rank]}) has given no sign of life for "
                    f"{duration(self._seconds)}: its machine has lost power or network, or hangs."
                )
                return

    def _silent(self, now: float) -> int | None:
        """Return the process that has been silent for too long; the first where all seem to be."""
        if now - self._answered > self._seconds:
            return 0
        silent = [rank for rank, seen in enumerate(self._seen) if now - seen > self._seconds]
        return silent[0] if silent else None


def _key(rank: int) -> str:
    return f"alive-{rank}"
