"""Seconds by name, and the most memory of a process, for the steps of ``scale.py``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

Figures = dict[str, float]


class Clock:
    """Seconds by name."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.figures[name] = time.perf_counter() - began


class Memory:
    """The most memory of a process's own, in GiB: without pages that only mirror files."""

    def __init__(self) -> None:
        self.most = 0.0
        self._end = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.most = max(self.most, int(line.split()[1]) / 2**20)
            if self._end.wait(0.05):
                return

    def stop(self) -> float:
        self._end.set()
        self._thread.join()
        return self.most
