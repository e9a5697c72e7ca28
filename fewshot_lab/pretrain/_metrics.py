"""The run's diary: one JSON object per line."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
HEALTH = "health.json"
CHECKPOINTS = "checkpoints"
_CHECKPOINT = re.compile(r"step-(\d{9})\.pt")


def all_steps(folder: Path) -> list[int]:
    """Return the steps of a run's checkpoints, the newest first."""
    place = folder / CHECKPOINTS
    if not place.is_dir():
        return []
    matches = (_CHECKPOINT.fullmatch(path.name) for path in place.iterdir())
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def newest_step(folder: Path) -> int:
    """Return the step of a run's newest checkpoint, 0 where there is none."""
    return next(iter(all_steps(folder)), 0)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows, oldest first; a last line cut off by a crash is left out."""
    try:
        text = (folder / METRICS).read_text(encoding="utf-8")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return [row for row in rows if isinstance(row, dict)]


def append(folder: Path, kind: str, step: int, **values: Any) -> None:
    """Add a row; numbers that are none are written as null, so that any reader can read it."""
    row = {"kind": kind, "step": step, **values, "time": time.time()}
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(_plain(row)) + "\n")


def cut(folder: Path, step: int) -> None:
    """Take out what was measured after a step that the run goes back to; events stay."""
    rows = [row for row in read_metrics(folder) if row["kind"] == "event" or row["step"] <= step]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    beside = folder / f".{METRICS}.part"
    beside.write_text(text, encoding="utf-8")
    beside.replace(folder / METRICS)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def read_health(folder: Path) -> dict[str, Any] | None:
    """Return what ``health.json`` says, or None before there is one."""
    try:
        found = json.loads((folder / HEALTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
