"""One short name for exactly these weights, fed in exactly this way."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.files import while_unchanged

CODE_VERSION = 1
"""Raised whenever a change of code changes the embeddings of the same weights."""


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file's bytes, remembered while the file is unchanged."""
    resolved = path.resolve()
    # The hub's cache names a large file by its sha256: no need to read 350 MB again.
    if algorithm == "sha256" and re.fullmatch(r"[0-9a-f]{64}", resolved.name):
        return resolved.name
    return _digest(resolved, algorithm)


@while_unchanged(64)
def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fingerprint(
    weights: Path, architecture: str, preprocessing: Preprocessing, extra: dict[str, Any]
) -> str:
    """Return 16 hex digits that change whenever an embedding would.

    `extra` is whatever else changes it, by name.
    """
    facts = {
        "weights": file_digest(weights),
        "architecture": architecture,
        "preprocessing": preprocessing.to_dict(),
        "code": CODE_VERSION,
        **extra,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
