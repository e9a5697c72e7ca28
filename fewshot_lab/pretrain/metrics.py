"""The metrics of a run, as a file of JSON lines, and what its health check last said."""

import json
import math
import os
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from fewshot_lab.files import read_json, to_json, write_atomically

METRICS = "metrics.jsonl"
HEALTH = "health.json"


class _GrowingFile:
    """The rows of a file read so far: a run's diary grows, and is looked at every two seconds."""

    def __init__(self) -> None:
        self.identity: tuple[int, int] | None = None
        self.offset = 0
        self.rows: list[dict[str, Any]] = []

    def read_on(self, path: Path) -> list[dict[str, Any]]:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            identity = (stat.st_dev, stat.st_ino)
            if identity != self.identity or stat.st_size < self.offset:
                self.identity, self.offset, self.rows = identity, 0, []
            file.seek(self.offset)
            # A last line without its end is being written, or was cut off by a crash.
            whole = file.read(stat.st_size - self.offset).rpartition(b"\n")[0]
        self.offset += len(whole) + bool(whole)
        for line in whole.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and "kind" in row and "step" in row:
                self.rows.append(row)
        return list(self.rows)


@lru_cache(maxsize=32)
def _reader(path: Path) -> tuple[_GrowingFile, threading.Lock]:
    return _GrowingFile(), threading.Lock()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows, oldest first; a last line cut off by a crash is left out."""
    path = folder / METRICS
    file, lock = _reader(path.absolute())
    try:
        with lock:
            return file.read_on(path)
    except OSError:
        return []


def curves(folder: Path, *, most: int = 200) -> dict[str, Any]:
    """Return the course of a run, thinned out, as its card keeps it."""
    rows = read_metrics(folder)
    steps = [row for row in rows if row["kind"] == "step"]
    thin = steps[:: max(1, math.ceil(len(steps) / most))]
    names = ("step", "loss", "teacher_entropy", "mean_entropy", "kl", "learning_rate")
    return {
        **{name: [row[name] for row in thin] for name in names},
        "checks": [
            {key: row[key] for key in ("step", "rank", "knn", "logistic")}
            for row in rows
            if row["kind"] == "check"
        ],
    }


def append(folder: Path, kind: str, step: int, **values: Any) -> None:
    """Add a row; numbers that are none are written as null, so that any reader can read it."""
    row = {"kind": kind, "step": step, **values, "time": time.time()}
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(to_json(row) + "\n")


def cut(folder: Path, step: int) -> None:
    """Take out what was measured after a step that the run goes back to; events stay."""
    rows = [row for row in read_metrics(folder) if row["kind"] == "event" or row["step"] <= step]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomically(folder / METRICS, text.encode())


def read_health(folder: Path) -> dict[str, Any] | None:
    """Return what ``health.json`` says, or None before there is one."""
    return read_json(folder / HEALTH)
