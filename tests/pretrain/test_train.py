"""Training: how it starts, goes on after a kill, and on two processes."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from fewshot_lab.backbones import find
from fewshot_lab.errors import Stopped
from fewshot_lab.pretrain import newest_step, read_metrics, training_loop
from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.recipe import Recipe

from .conftest import start_ranks, train_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ["-m", "fewshot_lab", "pretrain-rank"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def checkpoint(folder, step):
    path = folder / "checkpoints" / f"step-{step:09d}.pt"
    return torch.load(path, weights_only=True)


def weights(state):
    return {
        f"{part}.{name}": value
        for part in ("student", "teacher")
        for name, value in state[part].items()
        if value.is_floating_point() and ".running_" not in name
    } | {"centre": state["centre"]}


def statistics(state):
    return {name: value for name, value in state["teacher"].items() if ".running_" in name}


def gradients(state):
    """Return all gradients of a first step, as Adam keeps them."""
    return torch.cat([kept["exp_avg"].flatten() for kept in state["optimiser"]["state"].values()])


def furthest(one, other):
    return max(float((a - other[name]).abs().max()) for name, a in one.items())


@pytest.fixture
def one_thread():
    """Sum in this process as those do that are started alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_first_step_is_what_the_recipe_says(make_run):
    folder = make_run(steps=3, checkpoint_steps=1, keep=9, warmup_steps=2)
    train_run(folder)
    start = checkpoint(folder, 0)
    for name, value in start["student"].items():
        assert torch.equal(value, start["teacher"][name]), name
    recipe = Recipe.from_dict(start["recipe"])
    rows = [row for row in read_metrics(folder) if row["kind"] == "step"]
    for row in rows:
        step = row["step"] - 1
        assert row["learning_rate"] == schedules.learning_rate(recipe, step)
        assert row["momentum"] == schedules.momentum(recipe, step)
        assert row["weight_decay"] == schedules.weight_decay(recipe, step)
    after = checkpoint(folder, 1)
    momentum = schedules.momentum(recipe, 0)
    for name in ("backbone.cls_token", "head.prototypes"):
        expected = start["teacher"][name].lerp(after["student"][name], 1 - momentum)
        assert torch.allclose(after["teacher"][name], expected, atol=1e-8)
        assert not torch.equal(after["student"][name], start["student"][name])
    rates = {
        group["part"]: group["lr"] for group in checkpoint(folder, 3)["optimiser"]["param_groups"]
    }
    assert rates["backbone"] == schedules.learning_rate(recipe, 2)


def test_processes_that_make_views_can_be_sent_all_they_need(make_run, monkeypatch):
    """Where they are no forks of this one: on macOS and Windows, and from Python 3.14 on."""
    sent = []

    def loader(dataset, **options):
        sent.append(pickle.dumps((dataset, options["collate_fn"], options["worker_init_fn"])))
        return DataLoader(dataset, **options)

    monkeypatch.setattr(training_loop, "DataLoader", loader)
    train_run(make_run(steps=1))
    dataset, collated, _ = pickle.loads(sent[0])
    assert collated([dataset[0, 0], dataset[0, 1]])["global"].shape == (2, 2, 3, 32, 32)


def test_accumulated_parts_are_one_batch(make_run):
    whole = make_run("whole", steps=4, learning_rate=1e-4, head_learning_rate=1e-4)
    parts = make_run("parts", steps=4, accumulate=4, learning_rate=1e-4, head_learning_rate=1e-4)
    train_run(whole)
    train_run(parts)
    assert furthest(weights(checkpoint(whole, 4)), weights(checkpoint(parts, 4))) < 1e-5


def test_a_frozen_last_layer_and_frozen_stages_stay(make_run):
    folder = make_run(steps=4, frozen_last_layer_steps=4, frozen_stages=1, checkpoint_steps=4)
    train_run(folder)
    before, after = checkpoint(folder, 0)["student"], checkpoint(folder, 4)["student"]
    assert torch.equal(before["head.prototypes"], after["head.prototypes"])
    name = "backbone.patch_embed.proj.weight"
    assert torch.equal(before[name], after[name])
    moved = [n for n in before if n.startswith("backbone.blocks") and n.endswith("fc1.weight")]
    assert moved
    assert all(not torch.equal(before[n], after[n]) for n in moved)


def test_the_head_learns_alone_first(make_run):
    folder = make_run(steps=6, head_only_steps=3, checkpoint_steps=3, keep=9)
    train_run(folder)
    start, rested, moved = (checkpoint(folder, s)["student"] for s in (0, 3, 6))
    name = "backbone.blocks.0.mlp.fc1.weight"
    assert torch.equal(start[name], rested[name])
    assert not torch.equal(start["head.mlp.0.weight"], rested["head.mlp.0.weight"])
    assert not torch.equal(rested[name], moved[name])


@pytest.mark.parametrize(
    "backbone",
    [
        pytest.param("test_vit", id="LayerNorm", marks=pytest.mark.exhaustive),
        pytest.param("test_resnet", id="BatchNorm"),
    ],
)
@pytest.mark.usefixtures("one_thread")
def test_killed_three_times_it_ends_with_the_same_bits(make_run, backbone):
    options = {"steps": 24, "backbone": backbone, "drop_path": 0.1 if backbone == "test_vit" else 0}
    never = make_run("never", **options)
    often = make_run("often", **options)
    train_run(never)
    chance = random.Random(backbone)
    for at in sorted(chance.sample(range(3, 21), 3)):
        child = subprocess.Popen([sys.executable, *SCRIPT, str(often)], env=ALONE, cwd=ROOT)
        deadline = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline:
            rows = [row for row in read_metrics(often) if row["kind"] == "step"]
            if rows and rows[-1]["step"] >= at:
                break
            time.sleep(0.005)
        assert child.poll() is None, "it ended before it could be killed"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert newest_step(often) < 24
    train_run(often)
    assert [r["name"] for r in read_metrics(often) if r["kind"] == "event"].count("resumed") >= 1
    one, other = checkpoint(never, 24), checkpoint(often, 24)
    for part in ("student", "teacher"):
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), (part, name)
    assert torch.equal(one["centre"], other["centre"])
    steps = [row["step"] for row in read_metrics(often) if row["kind"] == "step"]
    assert steps == list(range(1, 25))


def test_two_processes_share_their_batchnorm(make_run, port):
    # Of a network without BatchNorm, test_several_processes says the same.
    options = {
        "steps": 5,
        "backbone": "test_resnet",
        "checkpoint_steps": 1,
        "keep": 9,
        # Gentle: an untrained network with BatchNorm blows the last digits up from step to step.
        "learning_rate": 2e-5,
        "head_learning_rate": 1e-4,
    }
    one, two = make_run("one", **options), make_run("two", **options)
    train_run(one)
    ranks = start_ranks(two, 2, port=port)
    assert [rank.wait(240) for rank in ranks] == [0, 0], (two / "log.txt").read_text()
    # The first gradient tells best: Adam has not yet made equal steps of what is nearly 0. One
    # process differs from itself on two threads by as much, 6e-6: the order of float32's sums.
    alone, together = gradients(checkpoint(one, 1)), gradients(checkpoint(two, 1))
    assert (alone - together).norm() < 5e-5 * alone.norm()
    start, alone, together = checkpoint(one, 0), checkpoint(one, 5), checkpoint(two, 5)
    difference = furthest(weights(alone), weights(together))
    assert difference < 1e-5
    assert furthest(weights(alone), weights(start)) > 30 * difference
    for name, value in statistics(alone).items():
        assert torch.allclose(value, statistics(together)[name], rtol=1e-4, atol=1e-4), name


def test_a_stop_writes_the_checkpoint_of_that_step(make_run):
    folder = make_run(steps=50, checkpoint_steps=50)

    def stop(stage, done, total):
        if stage == "pretraining" and done == 7:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        train_run(folder, stop)
    assert newest_step(folder) == 7


def test_a_stop_in_the_last_step_comes_too_late(make_run):
    folder = make_run(steps=4, check_steps=4)

    def stop(stage, done, total):
        if stage == "pretraining" and done == 4:
            raise Stopped("enough")

    train_run(folder, stop)
    assert newest_step(folder) == 4
    assert (folder / "backbone.safetensors").is_file()


def test_the_result_is_a_backbone_of_the_app(make_run):
    folder = make_run(steps=4, check_steps=2)
    train_run(folder)
    backbone = find(folder / "backbone.safetensors")
    assert backbone.architecture == "test_vit"
    assert "96 images" in backbone.card.training
    embedder = backbone.load()
    size = backbone.preprocessing.size
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    assert embedder(pixels).shape == (2, 64)
    teacher = checkpoint(folder, 4)["teacher"]
    last = find(folder / "last.safetensors").network().state_dict()
    assert torch.equal(last["cls_token"], teacher["backbone.cls_token"])
    checks = [row for row in read_metrics(folder) if row["kind"] == "check"]
    assert [row["step"] for row in checks] == [0, 2, 4]
    assert all(row["knn"]["low"] <= row["knn"]["value"] <= row["knn"]["high"] for row in checks)
