"""JSON objects in a run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

SPEC = "spec.json"


def read_object(path: Path) -> dict[str, Any] | None:
    """Return what a file holds, or None where it is missing or holds no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_object(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object that a person can read, too."""
    try:
        write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise FewshotLabError(
            f"{path} could not be written ({error.strerror}): make room on its disk, or see that "
            "it may be written to."
        ) from error
