"""The protocol of Nielsen et al. in one command, which goes on where it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run as verb
from fewshot_lab.pretrain import newest_step
from fewshot_lab.project import Project
from fewshot_lab.runs import find_run

from .conftest import QUICK

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TINY = {
    **QUICK,
    "backbone": "test_vit",
    "start": "scratch",
    "cache_size": 32,
    "checkpoint_steps": 1,
}
SETS = [part for k, v in TINY.items() for part in ("--set", f"{k}={v}")]


def test_killed_in_mid_training_the_same_command_goes_on(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, used = tmp_path / "curve.json", project.backbone.name
    line = ["reproduce", "cells", "--epochs", "4", "--batch-size", "8", "--device", "cpu", *SETS]
    line += ["--draws", "1", "--out", str(out)]
    child = subprocess.Popen([sys.executable, "-m", "fewshot_lab", *line], cwd=ROOT)
    folder = Path(os.environ["FEWSHOT_LAB_HOME"]) / ".runs" / "paper-cells"
    until = time.monotonic() + 120
    while not folder.exists() or newest_step(folder) < 2:
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    run = find_run("paper-cells")
    assert not run.status().active
    step = newest_step(folder)
    assert 2 <= step < 24
    assert verb(line) == 0
    assert "paper-cells: goes on with the recipe it began with." in capsys.readouterr().err
    assert (run.status().state, run.status().done) == ("finished", 24)
    assert f"Resumed at step {step}." in [row.get("sentence") for row in run.metrics()]
    # The paper's views and schedules, where nothing else was asked for.
    assert (run.recipe.perspective_probability, run.recipe.adaptive_clip) == (0.5, 0.32)
    results = json.loads(out.read_text())["results"]
    assert {row["backbone"] for row in results} == {"run:paper-cells"}
    assert {"paper-svm", "paper-logreg", "paper-knn"} <= {row["classifier"] for row in results}
    assert {1, 5} <= {row["shots"] for row in results}
    with Project.open("cells") as opened:
        assert opened.backbone.name == used
