"""The files of a run folder."""

import json
import os
from pathlib import Path
from typing import Any

SPEC = "spec.json"
STATUS = "status.json"
PROCESS = "process.json"
STOP = "stop"
NOW = "now"
LOG = "log.txt"
REPORT = "report.json"


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None where it is missing or is not a JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: dict[str, Any], *, lasting: bool) -> None:
    """Write beside and rename, so that a reader meets the old file or the new one.

    ``lasting`` waits until it is on the disk; a sign of life a few times a second need not.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(value, file)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def write_over(path: Path, value: dict[str, Any]) -> None:
    """Write into the room that a file has already: what is left to do on a full disk."""
    with path.open("r+", encoding="utf-8") as file:
        json.dump(value, file)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
