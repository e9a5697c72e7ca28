"""Runs by a real Slurm with two nodes, where there is one or one may be started."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.runs import (
    Run,
    SlurmOptions,
    list_runs,
    read_slurm_settings,
    squeue,
    submit_new_run,
    submit_to_slurm,
    write_slurm_settings,
)
from fewshot_lab.runs.slurm import SCRIPT, cpus_of_process, render

from .conftest import NewRun, first_process, wait_for

ROOT = Path(__file__).resolve().parents[2]


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
    submit_to_slurm(run, two)
    number = (run.folder / "slurm.json").read_text()
    assert wait_for(run, lambda s: s.state == "running" and s.done > 1, 240).state == "running"
    with pytest.raises(FewshotLabError, match="running already"):
        submit_to_slurm(run, two)

    job = "".join(c for c in number.split(":")[1] if c.isdigit())
    # As when its time is up, or another job needs the nodes: a checkpoint, and back into the queue.
    subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
    again = wait_for(run, lambda s: resumed(run) and s.state == "running", 240)
    assert resumed(run)[0] > 0
    assert again.done >= resumed(run)[0]

    subprocess.run(["scancel", job], check=True)
    cancelled = wait_for(run, lambda s: not s.active)
    assert cancelled.state == "stopped"
    assert run.folder.joinpath(f"checkpoints/step-{cancelled.done:09d}.pt").exists()

    wait_for_queue()
    submit_to_slurm(run, two)
    wait_for(run, lambda s: s.state == "running" and s.done > cancelled.done + 5, 240)
    assert resumed(run)[1:] == [cancelled.done]

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


def resumed(run: Run) -> list[int]:
    """Return the steps from which a run has gone on."""
    return [row["step"] for row in run.metrics() if row.get("name") == "resumed"]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("slurm")
def test_an_array_embeds_a_project_in_parts(project: Project, tmp_path: Path) -> None:
    wait_for_queue()
    line = f"{sys.executable} -m fewshot_lab embed cells"
    asked = ["sbatch", "--wait", "--array=1-2", "--export=ALL", f"--output={tmp_path}/%a.txt"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*asked, f"--wrap={line}"], env=environment, check=False)
    said = [(tmp_path / f"{task}.txt").read_text() for task in (1, 2)]
    assert done.returncode == 0, said
    assert all("24 images embedded" in text for text in said), said
    assert project.embeddings is not None
    assert len(project.embeddings.ids) == 48


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
    sentence = submit_to_slurm(run, options, by_hand=True)
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
        "#SBATCH --ntasks-per-node=4",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --constraint=a100",
        "module load cuda",
    ):
        assert line in text.splitlines()
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_processors_are_asked_for_by_themselves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nodes = "gpu*|64+|gpu:a100:8(S:0-1)\ngpu*|48|gpu:h100:4\nlong|16|(null)\n"
    (tmp_path / "sinfo").write_text(f"#!/bin/sh\nprintf '{nodes}'\n")
    (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def share(workers: int = 8, **asked: Any) -> int:
        return cpus_of_process(SlurmOptions(**asked), workers)

    assert share(gpus=4) == 8  # of 64 for eight GPUs
    assert share(gpus=4, workers=2) == 4  # no more than there is work for
    assert share(gpus=4, cpus=64) == 16
    assert share(nproc=2, partition="long") == 8
    assert share(gpus=1, partition="of-nobody") == 10
    assert share(nproc=2, partition="of-nobody") == 0  # as the cluster has it


@pytest.mark.usefixtures("home")
def test_what_a_cluster_wants_is_kept(home: Path) -> None:
    assert read_slurm_settings() == SlurmOptions()
    options = SlurmOptions(2, 4, partition="gpu", extra=("#SBATCH --mem=64G", "module load cuda"))
    write_slurm_settings(options)
    assert read_slurm_settings() == options
    (home / ".runs" / "slurm.json").write_text('{"nodes": "two", "partition": "long"}')
    assert read_slurm_settings() == SlurmOptions(
        partition="long"
    )  # what makes no sense is left out


def test_a_job_in_the_queue_is_not_submitted_again(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A Slurm of two commands: it takes the job, lets it wait, then forgets it, then is silent.
    for name, script in (
        ("sbatch", "echo 77"),
        ("squeue", f"cat {tmp_path}/said; exit $(cat {tmp_path}/code)"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(squeue, "_ASK_EVERY", 1e-6)

    def slurm_says(text: str, code: int) -> None:
        (tmp_path / "said").write_text(text)
        (tmp_path / "code").write_text(str(code))

    slurm_says("PENDING|(Resources)", 0)
    run = new_run()
    assert "job 77" in submit_to_slurm(run, SlurmOptions())
    status = run.status()
    assert (status.state, status.message) == (
        "queued",
        "Slurm job 77 waits for free nodes (Resources).",
    )
    for asked in (lambda: submit_to_slurm(run, SlurmOptions()), run.delete):
        with pytest.raises(FewshotLabError, match=r"already|still running"):
            asked()
    assert run.started
    slurm_says("RUNNING|n[1-2]", 0)
    status = run.status()
    assert (status.state, status.message) == ("running", "Slurm job 77 is starting.")
    slurm_says("", 1)  # no answer is no news
    assert run.status().state == "queued"
    slurm_says("PENDING|(None)", 0)
    assert run.status().message == "Slurm job 77 waits for its turn."

    # A node that Slurm holds for idle and that has gone: srun's own words, of this job alone.
    (run.folder / "log.txt").write_text(
        "srun: error: Task launch for StepId=76.0 failed on node n1: Invalid credential\n"
        "srun: error: Task launch for StepId=77.0 failed on node n2: Socket timed out\n"
        "srun: launch/slurm: _step_signal: Terminating StepId=77.0\n"
    )
    slurm_says("COMPLETING|n2", 0)
    status = run.status()
    assert (status.state, status.message) == (
        "failed",
        "Slurm could not start it on the node n2 (Socket timed out); resumed, it goes on from "
        "the start.",
    )


def test_resumed_it_asks_for_the_same_nodes_unless_told_otherwise(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from fewshot_lab.cli.main import run as verb

    for name, script in (("sbatch", "echo 78"), ("squeue", "exit 0"), ("scancel", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    run = new_run()
    submit_to_slurm(run, SlurmOptions(2, partition="long"))
    again = ["pretrain", "cells", "--name", run.name, "--resume", "--slurm"]
    assert verb(again) == 0
    assert "#SBATCH --nodes=2" in (run.folder / SCRIPT).read_text()
    assert verb([*again, "--nodes", "1"]) == 0
    text = (run.folder / SCRIPT).read_text()
    assert "#SBATCH --nodes=1" in text
    assert "#SBATCH --partition=long" in text


def test_without_slurm_it_says_so(new_run: NewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FewshotLabError, match="no Slurm here"):
        submit_new_run(new_run(), SlurmOptions())
    assert list_runs() == []
