"""How often a password may be tried."""

import time
from collections import deque
from threading import Lock

WINDOW = 15 * 60
PER_NAME = 10
PER_ADDRESS = 50


class Attempts:
    """Counts failed attempts by name and by address over a quarter of an hour."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}
        self._lock = Lock()

    def minutes_to_wait(self, name: str, address: str) -> int:
        """Return for how long nobody may try this name, or from this address; 0 for not at all."""
        now = time.monotonic()
        with self._lock:
            waits = [0.0]
            for key, most in ((f"n {name.casefold()}", PER_NAME), (f"a {address}", PER_ADDRESS)):
                times = self._failed.get(key, deque())
                while times and now - times[0] > WINDOW:
                    times.popleft()
                if len(times) >= most:
                    waits.append(WINDOW - (now - times[-most]))
        return int(max(waits) // 60 + 1) if max(waits) > 0 else 0

    def failed(self, name: str, address: str) -> None:
        """Note an attempt that failed."""
        now = time.monotonic()
        with self._lock:
            if len(self._failed) > 10_000:  # names that nobody has
                self._failed = {k: t for k, t in self._failed.items() if now - t[-1] < WINDOW}
            for key in (f"n {name.casefold()}", f"a {address}"):
                self._failed.setdefault(key, deque(maxlen=PER_ADDRESS)).append(now)

    def succeeded(self, name: str) -> None:
        """Forget what failed under a name."""
        with self._lock:
            self._failed.pop(f"n {name.casefold()}", None)
