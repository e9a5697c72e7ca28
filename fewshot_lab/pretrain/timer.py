"""Where the time of a step goes: data, forward, backward, update."""

import time

import torch

PARTS = ("data", "forward", "backward", "update")


class StepTimer:
    """Sums seconds by part.

    A GPU works behind the program's back, so there its own events are timed, which costs no
    waiting; for data it is the program that waits, and its clock counts.

    Parameters
    ----------
    device
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
        self._pending: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._sums = dict.fromkeys(PARTS, 0.0)
        self._clock = 0.0
        self._event: torch.cuda.Event | None = None

    def start(self) -> None:
        """Begin a step, or go on after something that is no part of it."""
        self._clock = time.perf_counter()
        self._event = self._mark()

    def lap(self, part: str) -> None:
        """Count the time since the last lap for `part`."""
        event, now = self._mark(), time.perf_counter()
        if event is None or part == "data":
            self._sums[part] += now - self._clock
        elif self._event is not None:
            self._pending.append((part, self._event, event))
        self._clock, self._event = now, event

    def take(self) -> dict[str, float]:
        """Return the seconds of each part since the last call, and begin anew."""
        for part, began, ended in self._pending:
            ended.synchronize()
            self._sums[part] += began.elapsed_time(ended) / 1000
        taken = self._sums
        self._pending, self._sums = [], dict.fromkeys(PARTS, 0.0)
        return taken

    def _mark(self) -> torch.cuda.Event | None:
        if self._stream is None:
            return None
        event = torch.cuda.Event(enable_timing=True)
        event.record(self._stream)
        return event
