"""Looks, checks and checkpoints come by the clock, and take a small share of it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from fewshot_lab.errors import Stopped
from fewshot_lab.pretrain import Recipe, newest_step
from fewshot_lab.pretrain.cadence import SHARES, Cadence
from fewshot_lab.pretrain.image_order import workers_here
from fewshot_lab.pretrain.projection_head import pretrained_head

from .conftest import train_run
from .test_train import ALONE, ROOT, SCRIPT, checkpoint


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("step_seconds", [0.01, 0.3, 20.0])
def test_whatever_a_step_takes_the_rest_takes_five_percent(step_seconds):
    clock, costs = Clock(), {"check": 40.0, "rank": 1.0, "checkpoint": 2.0}
    steps = round(20_000 / step_seconds)
    cadence = Cadence(Recipe(steps=steps), clock)
    cadence.begin(0)
    trained, looks, look_at, spent, times = 0.0, 0, 1, 0.0, dict.fromkeys(costs, 0)
    for step in range(1, steps):
        clock.now += step_seconds
        trained += step_seconds
        if step < look_at:
            continue
        looks += 1
        due, look_at = cadence.plan(step, busy=False)
        assert step < look_at <= step + 50
        for name in due:
            times[name] += 1
            spent += costs[name]
            with cadence.taking(name):
                clock.now += costs[name]
    assert spent <= 0.05 * (trained + spent) + sum(costs.values())
    assert sum(SHARES.values()) == pytest.approx(0.05)
    assert all(number >= 5 for number in times.values())
    assert looks <= trained / 2 + steps / 50 + 10  # a GPU is waited for every two seconds


def test_a_recipe_may_count_steps_and_the_end_is_always_judged():
    cadence = Cadence(Recipe(steps=10, log_steps=4, check_steps=3, checkpoint_steps=6), Clock())
    cadence.begin(0)
    plans, step = {}, 1
    while step < 10:
        due, after = cadence.plan(step, busy=True)
        plans[step], step = [name for name in due if name != "rank"], after
    assert plans[3] == ["check"]
    assert plans[6] == ["check", "checkpoint"]
    assert {"check", "checkpoint"} <= set(cadence.due(10))


def test_a_checkpoint_that_is_being_written_is_not_overtaken():
    clock = Clock()
    cadence = Cadence(Recipe(steps=10), clock)
    cadence.begin(0)
    clock.now = 1000.0
    assert "checkpoint" in cadence.due(5)
    assert "checkpoint" not in cadence.due(5, busy=True)


def test_workers_follow_the_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    assert [workers_here(-1), workers_here(3), workers_here(99)] == [11, 3, 12]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert workers_here(-1) == 5


def test_a_run_by_the_clock_ends_judged_and_stored(make_run):
    changes = {"log_steps": 0, "check_steps": 0, "checkpoint_steps": 0, "local_crops": 1}
    folder = make_run(steps=4, device_views=True, **changes)
    train_run(folder)
    assert newest_step(folder) == 4
    assert not list((folder / "checkpoints").glob(".*"))
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "check"] == [0, 4]
    assert [row["step"] for row in rows if row["kind"] == "step"][-1] == 4


def test_a_stopped_run_hands_over_its_newest_weights(make_run):
    from fewshot_lab.backbones import find

    folder = make_run(steps=50, check_steps=0, checkpoint_steps=0)

    def stop(stage, done, total):
        if stage == "pretraining" and done == 3:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        train_run(folder, stop)
    last = find(folder / "last.safetensors").network().state_dict()
    teacher = checkpoint(folder, 3)["teacher"]
    assert torch.equal(last["cls_token"], teacher["backbone.cls_token"])


def test_without_labels_the_newest_is_handed_over(make_run, tmp_path, cells, monkeypatch):
    rows = [json.loads(line) for line in cells.read_text().splitlines()]
    bare = tmp_path / "bare.jsonl"
    bare.write_text("".join(json.dumps({**row, "label": None}) + "\n" for row in rows))
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(tmp_path / "home"))
    folder = make_run(images=bare, steps=4, checkpoint_steps=4)
    train_run(folder)
    card = json.loads((folder / "card.json").read_text())
    assert (card["step"], card["best"]) == ("4", {"step": 4, "value": None})


def test_a_start_from_a_run_takes_backbone_and_head_of_one_step(make_run, tmp_path, monkeypatch):
    from fewshot_lab.backbones import find
    from fewshot_lab.pretrain.label_check import LabelCheck

    # The second of four checks is the best; the newest is not.
    values = iter([0.1, 0.9, 0.3, 0.2])
    monkeypatch.setattr(LabelCheck, "measure", lambda self, answer: next(values))
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(tmp_path / "home"))
    folder = make_run("first", steps=3, check_steps=1, checkpoint_steps=1, keep=9)
    (tmp_path / "home").mkdir()
    folder.parent.rename(tmp_path / "home" / ".runs")
    folder = tmp_path / "home" / ".runs" / "first"
    train_run(folder)
    best, newest = checkpoint(folder, 1), checkpoint(folder, 3)
    backbone = find("run:first").network().state_dict()
    head = pretrained_head("run:first")
    assert torch.equal(backbone["cls_token"], best["teacher"]["backbone.cls_token"])
    assert torch.equal(head.weights["prototypes"], best["teacher"]["head.prototypes"])
    assert torch.equal(head.centre, best["centre"])
    assert not torch.equal(head.weights["prototypes"], newest["teacher"]["head.prototypes"])
    # A run of before has no such file: a checkpoint of that step serves, another's never.
    (folder / "head.safetensors").unlink()
    assert torch.equal(
        pretrained_head("run:first").weights["prototypes"], head.weights["prototypes"]
    )
    (folder / "checkpoints" / "step-000000001.pt").unlink()
    assert pretrained_head("run:first") is None


@pytest.mark.exhaustive  # the test of three kills passes here, too, at any moment
def test_killed_while_a_checkpoint_is_written_nothing_is_half(make_run):
    never = make_run("never", steps=12, checkpoint_steps=1)
    torn = make_run("torn", steps=12, checkpoint_steps=1)
    train_run(never)
    for _ in range(2):
        child = subprocess.Popen([sys.executable, *SCRIPT, str(torn)], env=ALONE, cwd=ROOT)
        began, deadline = newest_step(torn), time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline:
            part = next((torn / "checkpoints").glob(".*.part"), None)
            if part is not None and newest_step(torn) >= began + 2:
                break
        assert child.poll() is None, "it ended before it could be killed"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    subprocess.run([sys.executable, *SCRIPT, str(torn)], env=ALONE, cwd=ROOT, check=True)
    one, other = checkpoint(never, 12), checkpoint(torn, 12)
    for part in ("student", "teacher"):
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), (part, name)
    assert not list((torn / "checkpoints").glob(".*.part"))
