"""What was made last, and is made again when what it follows from has changed."""

from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value and the key it was made for; threads that want it meanwhile wait for it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._made: tuple[Hashable, T] | None = None

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for a key, or make it."""
        with self._lock:
            if self._made is None or self._made[0] != key:
                self._made = (key, make())
            return self._made[1]
