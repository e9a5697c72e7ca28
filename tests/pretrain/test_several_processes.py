"""The processes of a run: they meet, agree, and notice when one has gone."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import newest_step, process_group
from fewshot_lab.processors import keep_to_share, processors

from .conftest import ROOT, start_ranks, train_run

pytestmark = pytest.mark.slow


def as_rank(monkeypatch, rank, world, port):
    names = {"RANK": rank, "LOCAL_RANK": 0, "WORLD_SIZE": world, "MASTER_PORT": port}
    for name, value in {**names, "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("FEWSHOT_LAB_JOIN_SECONDS", "1")


def test_a_process_that_never_comes_is_named(monkeypatch, port):
    as_rank(monkeypatch, 0, 3, port)
    with (
        pytest.raises(FewshotLabError, match=r"3 processes 1 came within 1 s; processes 1, 2 did"),
        process_group(),
    ):
        pass


def test_a_first_process_that_never_comes_is_told(monkeypatch, port):
    as_rank(monkeypatch, 1, 2, port)
    with pytest.raises(FewshotLabError, match="did not reach the first one"), process_group():
        pass


def test_a_port_that_is_taken_is_told(monkeypatch, port):
    as_rank(monkeypatch, 0, 2, port)
    with socket.socket() as other:
        other.bind(("", port))
        other.listen()
        with pytest.raises(FewshotLabError, match=f"Port {port} .* MASTER_PORT"), process_group():
            pass


def test_one_that_gives_no_sign_of_life_is_named(monkeypatch, port):
    as_rank(monkeypatch, 1, 2, port)
    monkeypatch.setenv("FEWSHOT_LAB_JOIN_SECONDS", "60")
    monkeypatch.setenv("FEWSHOT_LAB_LOST_SECONDS", "0.5")
    code = "import fewshot_lab.pretrain as p\nwith p.process_group(): print(); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes)
    monkeypatch.setenv("RANK", "0")
    sentences = queue.Queue()
    with process_group(lost=sentences.put):
        other.stdout.read(1)
        with pytest.raises(queue.Empty):
            sentences.get(timeout=1.5)  # alive, though neither says a word to the other
        other.send_signal(signal.SIGSTOP)
        sentence = sentences.get(timeout=60)
        other.kill()
        other.communicate()
    assert re.match(r"Process 1 \(.+\) has given no sign of life for 1 s: its machine", sentence)


def test_a_process_has_its_share_of_the_processors(monkeypatch):
    for name in ("LOCAL_WORLD_SIZE", "SLURM_PROCID", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(12), raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert processors() == 12
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert processors() == 3
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "5")
    assert processors() == 12  # asked for, but this is no task of Slurm's
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert processors() == 5


def test_processes_on_one_machine_keep_to_processors_of_their_own(monkeypatch):
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    monkeypatch.setattr("fewshot_lab.processors._on_own_cores", False)
    monkeypatch.setattr("sys.platform", "linux")
    allowed = {1, *range(4, 12)}  # 9, of which each of 4 gets two
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed), raising=False)

    def bind(_, some):
        allowed.intersection_update(some)

    monkeypatch.setattr(os, "sched_setaffinity", bind, raising=False)
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    keep_to_share()
    assert len(allowed) == 9
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    keep_to_share()
    keep_to_share()
    assert allowed == {7, 8}
    assert processors() == 2


def ended(ranks, seconds=60):
    until = time.monotonic() + seconds
    while any(rank.poll() is None for rank in ranks):
        assert time.monotonic() < until, "a process goes on"
        time.sleep(0.05)


@pytest.fixture
def many(tmp_path, cells):
    """Return a list of 288 images in three blocks of the cache, seven of which are missing."""
    rows = [json.loads(line) for line in cells.read_text().splitlines()]
    lines = [
        json.dumps({**row, "id": f"{row['id']}-{turn}"} | ({"file": "/gone"} if lost else {}))
        for turn in range(3)
        for number, row in enumerate(rows)
        for lost in [number % 41 == 5]
    ]
    listed = tmp_path / "many.jsonl"
    listed.write_text("\n".join(lines) + "\n")
    return listed


@pytest.mark.parametrize("world", [2, pytest.param(4, marks=pytest.mark.exhaustive)])
def test_one_killed_ends_the_others_in_seconds_and_the_run_goes_on(make_run, many, port, world):
    options = {"steps": 30, "learning_rate": 2e-5, "head_learning_rate": 1e-4}
    # In parts, too, as no BatchNorm looks at the whole batch.
    several = make_run("several", many, **options, accumulate=2)
    alone = make_run("alone", many, **options)
    train_run(alone)
    ranks = start_ranks(several, world, port=port)
    until = time.monotonic() + 240
    while newest_step(several) < 5:
        assert all(rank.poll() is None for rank in ranks), (several / "log.txt").read_text()
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(ranks[-1].pid, signal.SIGKILL)
    ended(ranks)
    status = json.loads((several / "status.json").read_text())
    assert status["state"] == "failed"
    assert "was killed, or its machine went away" in status["message"]
    assert f"goes on from step {newest_step(several)}" in status["message"]
    again = start_ranks(several, world, port=port)
    assert [rank.wait(240) for rank in again] == [0] * world, (several / "log.txt").read_text()
    assert len(json.loads((several / "unreadable.json").read_text())) == 9
    assert (several / "log-1.txt").exists()
    one, other = (
        torch.load(folder / "checkpoints/step-000000030.pt", weights_only=True)
        for folder in (alone, several)
    )
    for part in ("student", "teacher"):
        for name, value in one[part].items():
            assert torch.allclose(value, other[part][name], atol=1e-5), (part, name)


@pytest.mark.exhaustive
@pytest.mark.parametrize("hangs", [0, 1])
def test_one_that_hangs_ends_the_others_with_a_sentence(make_run, port, monkeypatch, hangs):
    monkeypatch.setenv("FEWSHOT_LAB_LOST_SECONDS", "4")
    folder = make_run(steps=100_000, learning_rate=2e-5, head_learning_rate=1e-4)
    ranks = start_ranks(folder, 2, port=port)
    until = time.monotonic() + 240
    while newest_step(folder) < 5:
        assert all(rank.poll() is None for rank in ranks), (folder / "log.txt").read_text()
        assert time.monotonic() < until
        time.sleep(0.01)
    ranks[hangs].send_signal(signal.SIGSTOP)
    ended([ranks[1 - hangs]])
    ranks[hangs].kill()
    ranks[hangs].wait()
    words = (folder / ("log.txt" if hangs else "log-1.txt")).read_text()
    assert re.search(rf"Process {hangs} \(.*\) has given no sign of life for 4 s", words)
    assert f"resumed, it goes on from step {newest_step(folder):,}" in words
    if hangs:
        status = json.loads((folder / "status.json").read_text())
        assert status["state"] == "failed"
        assert status["message"] in words


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
def test_compiled_they_compute_what_one_does_uncompiled(make_run, port, world, backbone):
    options = {"steps": 6, "backbone": backbone, "learning_rate": 2e-5, "head_learning_rate": 1e-4}
    alone = make_run("alone", **options)
    several = make_run("several", **options, compile=True)
    train_run(alone)
    ranks = start_ranks(several, world, port=port)
    assert [rank.wait(1000) for rank in ranks] == [0] * world, (several / "log.txt").read_text()
    for step in (5, 6):
        one, other = (
            torch.load(folder / f"checkpoints/step-{step:09d}.pt", weights_only=True)
            for folder in (alone, several)
        )
        for name, value in one["student"].items():
            assert torch.allclose(value, other["student"][name], rtol=1e-4, atol=2e-5), name


@pytest.mark.exhaustive
def test_a_batch_that_does_not_fit_one_of_them_names_it(make_run, many, port):
    folder = make_run("run", many, steps=4, batch_size=256, global_size=224)
    ranks = start_ranks(folder, 2, port=port, through={1: ["prlimit", "--data=1200000000"]})
    ended(ranks, 240)
    message = json.loads((folder / "status.json").read_text())["message"]
    assert re.search(r"Process 1 of 2 \(.*\): The memory is too small for", message)
    assert "resumed, it goes on from step 0" in message
