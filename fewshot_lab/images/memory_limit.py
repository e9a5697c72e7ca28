"""Keeping threads from decoding several very large pictures at once."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_HEAVY = 40_000_000
_one_at_a_time = threading.Lock()


def memory_for(width: int, height: int) -> AbstractContextManager[Any]:
    """Let only one picture of more than 40 megapixels be decoded at a time."""
    return _one_at_a_time if width * height > _HEAVY else nullcontext()
