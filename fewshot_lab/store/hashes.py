"""Hashes that follow from one another: whoever changes a row changes all that come after it."""

import hashlib
import json
from typing import Any

GENESIS = "0" * 64
"""What stands for the hash before the first."""


def next_hash(previous: str, *parts: Any) -> str:
    """Return the hash of a row, from the one before it and what the row holds."""
    text = json.dumps([previous, *parts], sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()
