"""The files of a run's checkpoints, by step."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = "checkpoints"
_NAME = re.compile(r"step-(\d{9})\.pt")


def path_of(folder: Path, step: int) -> Path:
    """Return where a run keeps the checkpoint of a step."""
    return folder / FOLDER / f"step-{step:09d}.pt"


def all_steps(folder: Path) -> list[int]:
    """Return the steps of a run's checkpoints, the newest first."""
    place = folder / FOLDER
    if not place.is_dir():
        return []
    matches = (_NAME.fullmatch(path.name) for path in place.iterdir())
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def newest_step(folder: Path) -> int:
    """Return the step of a run's newest checkpoint, 0 where there is none."""
    return next(iter(all_steps(folder)), 0)
