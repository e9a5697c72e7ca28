"""How fast it goes and how long it will take, steady enough to be read."""

from collections import deque

WINDOW_SECONDS = 20.0
_SPACING_SECONDS = 0.25
_FIRST_AFTER_SECONDS = 1.0
_BURST_AFTER_SECONDS = 3.0
_BURST = 5.0


class Rate:
    """The rate over the last seconds of one stage.

    The first report sets the start, so that what an earlier run had finished counts for nothing.
    """

    def __init__(self, now: float, done: int):
        self._samples: deque[tuple[float, int]] = deque([(now, done)])

    def add(self, now: float, done: int) -> None:
        """Note that ``done`` units are finished at the time ``now`` (seconds)."""
        if len(self._samples) > 1 and now - self._samples[-2][0] < _SPACING_SECONDS:
            self._samples[-1] = (now, done)
        else:
            self._samples.append((now, done))
        while len(self._samples) > 2 and (
            now - self._samples[1][0] >= WINDOW_SECONDS or self._begins_with_a_burst(now, done)
        ):
            self._samples.popleft()

    def _begins_with_a_burst(self, now: float, done: int) -> bool:
        # What an earlier run has finished is passed over much faster than new work is done.
        (t0, d0), (t1, d1) = self._samples[0], self._samples[1]
        if now - t1 < _BURST_AFTER_SECONDS or t1 == t0 or done <= d1:
            return False
        return (d1 - d0) / (t1 - t0) > _BURST * (done - d1) / (now - t1)

    @property
    def per_second(self) -> float | None:
        """Units per second, or None while it is too early to say."""
        (t0, d0), (t1, d1) = self._samples[0], self._samples[-1]
        if t1 - t0 < _FIRST_AFTER_SECONDS or d1 <= d0:
            return None
        return (d1 - d0) / (t1 - t0)

    def seconds_left(self, done: int, total: int | None) -> float | None:
        """Return the seconds left of this stage, or None while it is too early to say."""
        if total is None or (rate := self.per_second) is None:
            return None
        return max(0.0, (total - done) / rate)
