"""Runs by a real Slurm with two nodes, where there is one or one may be started."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.runs import SlurmOptions, submit
from fewshot_lab.runs._slurm import SCRIPT, render

from .conftest import NewRun, first_process, wait_for


def idle_nodes() -> int:
    if shutil.which("sinfo") is None:
        return 0
    said = subprocess.run(
        ["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True, check=False
    )
    return int((said.stdout.split() or ["0"])[0])


@pytest.fixture(scope="module")
def slurm(data_folder: Path) -> Iterator[None]:
    """Have two idle nodes, or skip."""
    tool = data_folder.parent / "tools" / "local-slurm"
    started = False
    if idle_nodes() < 2:
        if os.geteuid() != 0 or not tool.is_file():
            pytest.skip("no Slurm with two idle nodes, and none that this user may start")
        done = subprocess.run([str(tool), "start"], capture_output=True, text=True, check=False)
        if idle_nodes() < 2:
            pytest.skip(f"Slurm could not be started: {done.stderr[-200:]}")
        started = True
    yield
    if started:
        subprocess.run([str(tool), "stop"], capture_output=True, check=False)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("slurm")
def test_two_nodes_train_are_cancelled_resumed_and_lose_a_process(new_run: NewRun) -> None:
    run = new_run(steps=60_000)
    two = SlurmOptions(nodes=2)
    submit(run, two)
    number = (run.folder / "slurm.json").read_text()
    assert wait_for(run, lambda s: s.state == "running" and s.done > 1, 240).state == "running"
    with pytest.raises(FewshotLabError, match="running already"):
        submit(run, two)

    job = "".join(c for c in number.split(":")[1] if c.isdigit())
    subprocess.run(["scancel", job], check=True)
    cancelled = wait_for(run, lambda s: not s.active)
    assert cancelled.state == "stopped"
    assert run.folder.joinpath(f"checkpoints/step-{cancelled.done:09d}.pt").exists()

    wait_for_queue()
    submit(run, two)
    wait_for(run, lambda s: s.state == "running" and s.done > cancelled.done + 5, 240)
    assert [r["step"] for r in run.metrics() if r.get("name") == "resumed"] == [cancelled.done]

    found = subprocess.run(
        ["pgrep", "-f", f"^[^ ]*python[^ ]* -m fewshot_lab pretrain-rank {run.folder}$"],
        capture_output=True,
        text=True,
        check=True,
    )
    ranks = [int(pid) for pid in found.stdout.split()]
    assert len(ranks) == 2
    os.kill(next(pid for pid in ranks if pid != first_process(run)), signal.SIGKILL)
    lost = wait_for(run, lambda s: not s.active, 200)
    assert lost.state == "failed"
    assert "resumed, it goes on" in lost.message


def wait_for_queue() -> None:
    """Wait until the nodes are free again."""
    import time

    for _ in range(150):
        if idle_nodes() >= 2:
            return
        time.sleep(0.2)


def test_the_script_can_be_read_edited_and_submitted_by_hand(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_SBATCH", "#SBATCH --constraint=a100; module load cuda")
    run = new_run()
    options = SlurmOptions(2, 4, partition="gpu", time="12:00:00", account="path", cpus=16)
    sentence = submit(run, options, by_hand=True)
    script = run.folder / SCRIPT
    assert str(script) in sentence
    text = script.read_text()
    assert text == render(run, options)
    for line in (
        "#SBATCH --nodes=2",
        "#SBATCH --gpus-per-node=4",
        "#SBATCH --partition=gpu",
        "#SBATCH --time=12:00:00",
        "#SBATCH --account=path",
        "#SBATCH --cpus-per-task=16",
        "#SBATCH --constraint=a100",
        "module load cuda",
    ):
        assert line in text.splitlines()
    assert "--nnodes=2 --nproc-per-node=4" in text
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_without_slurm_it_says_so(new_run: NewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FewshotLabError, match="no Slurm here"):
        submit(new_run(), SlurmOptions())
