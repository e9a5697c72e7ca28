"""A run's folder on drawn cells, small enough to train in seconds."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fewshot_lab.images.demo import draw_demo
from fewshot_lab.jobs import read_spec
from fewshot_lab.pretrain import Recipe, process_group, train
from fewshot_lab.progress import Progress, silent
from fewshot_lab.runs import read_images

ROOT = Path(__file__).resolve().parents[2]
MakeRun = Callable[..., Path]

TINY = {
    "backbone": "test_vit",
    "start": "scratch",
    "batch_size": 16,
    "global_size": 32,
    "local_size": 16,
    "local_crops": 2,
    "prototypes": 64,
    "head_hidden": 64,
    "head_bottleneck": 32,
    "warmup_steps": 5,
    "learning_rate": 1e-3,
    "head_learning_rate": 1e-3,
    "workers": 0,
    "log_steps": 1,
    "check_steps": 1000,
    "checkpoint_steps": 5,
}


def drawn(folder: Path, n: int, side: int = 48) -> Path:
    """Draw cells, shrink them, and list them with their types as labels."""
    draw_demo(folder / "full", n)
    files = sorted((folder / "full").rglob("*.png"))
    types = sorted({file.parent.name for file in files})
    lines = []
    for number, file in enumerate(files):
        small = folder / f"{number:05d}.png"
        with Image.open(file) as image:
            image.convert("RGB").resize((side, side), Image.Resampling.BOX).save(small)
        row = {"id": f"{number:05d}", "file": str(small), "label": types.index(file.parent.name)}
        lines.append(json.dumps(row) + "\n")
    (folder / "images.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder / "images.jsonl"


def train_run(folder: Path, progress: Progress = silent) -> None:
    """Train the run of a folder in this process, as ``pretrain-rank`` does."""
    recipe = Recipe.from_dict(read_spec(folder)["recipe"])
    with process_group() as alone:
        train(folder, recipe, read_images(folder), alone, progress=progress)


def start_ranks(
    folder: Path, world: int, *, port: int, through: dict[int, list[str]] | None = None
) -> list[subprocess.Popen[bytes]]:
    """Start the processes of a run without a launcher, as srun does; its words go to its log.

    Parameters
    ----------
    folder, world, port
    through
        A command through which a rank is started.
    """
    common = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(world),
    }
    command = [sys.executable, "-m", "fewshot_lab", "pretrain-rank", str(folder)]
    with (folder / "log.txt").open("ab") as log:
        return [
            subprocess.Popen(
                [*(through or {}).get(rank, []), *command],
                env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
            for rank in range(world)
        ]


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the list of 96 drawn cells."""
    return drawn(tmp_path_factory.mktemp("cells"), 96)


@pytest.fixture
def make_run(tmp_path: Path, cells: Path) -> MakeRun:
    """Return a function that makes a run's folder from changes to a tiny recipe."""

    def make(name: str = "run", images: Path = cells, **changes: Any) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        recipe = Recipe.from_dict({**TINY, **changes})
        (folder / "images.jsonl").write_bytes(images.read_bytes())
        spec = {"name": name, "recipe": recipe.to_dict(), "device": "cpu"}
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        return folder

    return make
