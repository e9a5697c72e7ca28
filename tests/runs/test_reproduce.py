"""The protocol of Nielsen et al. in one command, which goes on where it was killed."""

import importlib
import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fewshot_lab.cli.main import run as verb
from fewshot_lab.errors import Stopped
from fewshot_lab.pretrain import newest_step
from fewshot_lab.project import Project
from fewshot_lab.runs import find_run

from .conftest import QUICK

pytestmark = pytest.mark.slow

TINY = {
    **QUICK,
    "backbone": "test_vit",
    "start": "scratch",
    "cache_size": 32,
    "checkpoint_steps": 1,
}
SETS = [part for k, v in TINY.items() for part in ("--set", f"{k}={v}")]
IMPORTED = ("cli.main", "runs", "pretrain.training_loop", "embeddings.embedding_run", "evaluation")


def reproduce_and_die(line: list[str], home: str, module: str, name: str, call: int) -> None:
    """Run the command line until the n-th call of a function, and be killed there."""
    os.environ["FEWSHOT_LAB_HOME"] = home
    place: Any = importlib.import_module(module)
    owner, _, name = name.rpartition(".")
    place = getattr(place, owner) if owner else place
    true, calls = getattr(place, name), 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return true(*arguments, **named)

    setattr(place, name, counted)
    importlib.import_module("fewshot_lab.embeddings.embedding_run").CPU_SHARD = 16
    verb(line)


@pytest.mark.skipif(sys.platform != "linux", reason="forks from a process that has torch loaded")
def test_killed_in_each_of_its_parts_the_same_command_goes_on(
    project: Project,
    home: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, used = tmp_path / "curve.json", project.backbone.name
    line = ["reproduce", "cells", "--epochs", "4", "--batch-size", "8", "--device", "cpu", *SETS]
    line += ["--draws", "1", "--out", str(out)]
    # A forked process runs the main module anew; pages that were tested leave their script there.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([f"fewshot_lab.{name}" for name in IMPORTED])

    def killed_at(module: str, name: str, call: int) -> None:
        child = forks.Process(
            target=reproduce_and_die, args=(line, str(home), f"fewshot_lab.{module}", name, call)
        )
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL

    killed_at("pretrain.checkpoints", "write", 8)  # seven are on the disk, from step 0 on
    run = find_run("paper-cells")
    assert newest_step(run.folder) == 6
    assert not run.status().active
    killed_at("embeddings.shard_writer", "write_shard", 2)
    assert (run.status().state, run.status().done) == ("finished", 24)
    with project.through("run:paper-cells") as seen:
        assert seen.embeddings is not None
        assert len(seen.embeddings.ids) == 16
    killed_at("evaluation.few_shot", "keep_if_possible", 3)
    draws = {file: file.stat().st_mtime_ns for file in home.glob("cells/evaluations/*.npz")}
    assert len(draws) == 2
    capfd.readouterr()
    assert verb(line) == 0

    words = capfd.readouterr().err
    assert "paper-cells: is trained." in words
    assert {file: file.stat().st_mtime_ns for file in draws} == draws
    assert "Resumed at step 6." in [row.get("sentence") for row in run.metrics()]
    # The paper's views and schedules, where nothing else was asked for.
    assert (run.recipe.perspective_probability, run.recipe.adaptive_clip) == (0.5, 0.32)
    results = json.loads(out.read_text())["results"]
    assert {row["backbone"] for row in results} == {"run:paper-cells"}
    assert {"paper-svm", "paper-logreg", "paper-knn"} <= {row["classifier"] for row in results}
    assert {1, 5} <= {row["shots"] for row in results}
    with Project.open("cells") as opened:
        assert opened.backbone.name == used

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped("Stopped; go on with: pretrain --resume")

    monkeypatch.setattr("fewshot_lab.cli.reproduce.pretrain", stop)
    assert verb([*line, "--name", "another"]) != 0
    assert "the same command goes on" in capfd.readouterr().err
