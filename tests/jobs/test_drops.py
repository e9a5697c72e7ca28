"""What was dropped is kept for a job that can be started again, and for no other."""

import os
import time
from pathlib import Path

import pytest

from fewshot_lab import jobs

OLD = time.time() - 7200


@pytest.fixture
def project(home: Path) -> Path:
    folder = home / "cells"
    for name in ("needed", "done", "forgotten", "arriving"):
        drop = folder / "uploads" / name
        drop.mkdir(parents=True)
        (drop / "a.png").touch()
        if name != "arriving":
            os.utime(drop, (OLD, OLD))
    return folder


def job(folder: Path, drop: str, state: str) -> jobs.Job:
    run = folder / "jobs" / f"20260101-000000-000000-{drop}"
    run.mkdir(parents=True)
    words = [str(folder / "uploads" / drop), "--prepare"]
    jobs.change_spec(run, verb="import", project="cells", args=words, command=[], created=OLD)
    (run / "status.json").write_text(f'{{"state": "{state}"}}')
    return jobs.Job(run.name, "import", run, tuple(words))


def left(folder: Path) -> set[str]:
    return {path.name for path in (folder / "uploads").iterdir()}


def test_drops_that_nothing_needs_go(project: Path) -> None:
    cut_off = job(project, "needed", "stopped")
    job(project, "done", "finished")
    jobs.clear_drops(project)
    assert left(project) == {"needed", "arriving"}
    cut_off.delete()  # dismissed
    jobs.clear_drops(project, of=cut_off)
    assert left(project) == {"arriving"}
    jobs.clear_drops(project / "nowhere")
