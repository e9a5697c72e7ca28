"""A project of drawn cells to pretrain on, and a recipe that takes seconds."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project
from fewshot_lab.runs import Run, list_runs, prepare_run, recommend_recipe

QUICK = {
    "global_size": 32,
    "local_size": 16,
    "local_crops": 2,
    "cache_size": 48,
    "prototypes": 64,
    "head_hidden": 64,
    "head_bottleneck": 32,
    "workers": 0,
    "log_steps": 1,
    "checkpoint_steps": 5,
    "check_steps": 100_000,
    "head_only_steps": 0,
    "frozen_stages": 0,
    "frozen_last_layer_steps": 0,
}

NewRun = Callable[..., Run]


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_demo(folder, 48)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "home"
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield folder
    for run in list_runs():
        if run.status().active:
            run.stop()


@pytest.fixture
def project(home: Path, cells: Path) -> Iterator[Project]:
    project = Project.create("cells", home=home)
    project.import_images(cells, reference_labels="folders")
    yield project
    project.close()


@pytest.fixture
def new_run(project: Project) -> NewRun:
    def make(name: str = "run", steps: int = 30, **values: Any) -> Run:
        advice = recommend_recipe(
            48,
            backbone="test_vit",
            start="scratch",
            steps=steps,
            batch_size=8,
            values={**QUICK, **values},
        )
        return prepare_run([project], advice, name=name)

    return make


def first_process(run: Run) -> int:
    """Return the process that keeps the run's status."""
    return int(json.loads((run.folder / "status.json").read_text())["process"]["pid"])


def wait_for(run: Run, wanted: Callable[[Any], bool], seconds: float = 120) -> Any:
    """Return the status for which `wanted` is true."""
    until = time.monotonic() + seconds
    while not wanted(status := run.status()):
        assert time.monotonic() < until, f"{status}\n{run.log(40)}"
        time.sleep(0.2)
    return status
