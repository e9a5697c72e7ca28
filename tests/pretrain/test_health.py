"""Faults are put into real runs; the health check is to name each."""

import math

import numpy as np
import pytest
import torch

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import (
    HealthCheck,
    Recipe,
    effective_rank,
    newest_step,
    read_health,
    read_metrics,
)

from .conftest import train_run

pytestmark = pytest.mark.slow

RUN = {
    "steps": 260,
    "prototypes": 256,
    "log_steps": 5,
    "checkpoint_steps": 50,
    "check_steps": 300,
    "learning_rate": 5e-4,
    "head_learning_rate": 5e-4,
}


def events(folder):
    return [r for r in read_metrics(folder) if r["kind"] == "event" and r["name"] != "started"]


@pytest.mark.parametrize(
    ("fault", "names", "advice"),
    [
        pytest.param(
            {"teacher_temperature": 1.0, "teacher_temperature_start": 1.0},
            {"uniform collapse"},
            "teacher's temperature",
            id="teacher too hot",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            {"centring": False},
            {"constant collapse"},
            "centring on",
            id="no centring",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            {"learning_rate": 5e-2, "head_learning_rate": 5e-2},
            {"rank collapse", "diverging", "constant collapse", "uniform collapse"},
            "learning rate",
            id="learning rate x 100",
        ),
    ],
)
def test_a_fault_is_named_and_pauses_the_run(make_run, fault, names, advice):
    folder = make_run(**RUN | fault)
    with pytest.raises(FewshotLabError, match=advice):
        train_run(folder)
    found = events(folder)
    assert found[-1]["name"] in names
    assert found[-1]["action"] == "paused"
    health = read_health(folder)
    assert health["state"] == "bad"
    assert advice in health["advice"]
    # What is kept is from before the trouble, and whole.
    assert newest_step(folder) <= found[-1]["step"] - 100


def test_a_sound_run_is_not_accused(make_run):
    folder = make_run(**RUN | {"steps": 130})
    train_run(folder)
    assert events(folder) == []
    assert read_health(folder)["state"] == "good"


def test_not_a_number_is_named_with_its_image(make_run, monkeypatch):
    from fewshot_lab.pretrain import crops

    folder = make_run(**RUN | {"steps": 10, "checkpoint_steps": 1})
    true = crops.CropDataset.__getitem__

    def damaged(self, place):
        views = true(self, place)
        if place[1] == 7:
            views["global_colours"][:] = math.nan
        return views

    monkeypatch.setattr(crops.CropDataset, "__getitem__", damaged)
    with pytest.raises(FewshotLabError, match="not a number") as error:
        train_run(folder)
    assert "00007.png" in str(error.value)
    (event,) = events(folder)
    assert event["name"] == "not a number"
    assert newest_step(folder) == event["step"] - 1
    kept = torch.load(
        folder / "checkpoints" / f"step-{event['step'] - 1:09d}.pt", weights_only=True
    )
    assert all(v.isfinite().all() for v in kept["student"].values() if v.is_floating_point())


def rows(**changes):
    sound = {
        "loss": 5.0,
        "gradient_norm": 1.0,
        "teacher_entropy": 3.0,
        "mean_entropy": 4.0,
        "kl": 1.0,
        "teacher_temperature": 0.04,
    }
    return [{**sound, **changes, "step": step} for step in range(10, 201, 10)]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("uniform collapse", {"teacher_entropy": math.log(1024), "kl": 0.0}),
        ("constant collapse", {"teacher_entropy": 0.1, "mean_entropy": 0.12}),
        ("no information", {"teacher_entropy": 3.0, "mean_entropy": 3.05, "kl": 0.5}),
        ("rank collapse", {"rank": 5.0}),
        ("diverging", {"loss": 9.0}),
    ],
)
def test_each_is_named_once_within_200_steps_and_watched_before(name, changes):
    health = HealthCheck(Recipe(warmup_steps=20))
    health.begin(100.0)
    found = []
    for row in rows(**changes):
        found += health.look(row)
        if row["step"] == 50:
            assert health.summary(50)["state"] == "watch"
            assert health.troubled_since == 10
    assert [f.name for f in found] == [name]
    assert found[0].since == 10


def test_a_long_warm_up_is_given_time_to_leave_the_loss_it_began_with():
    health = HealthCheck(Recipe(steps=50_000, warmup_steps=5000))
    assert [found for row in rows(loss=9.0) for found in health.look(row)] == []
    assert health.summary(200)["state"] == "watch"
    late = [
        found for row in rows(loss=9.0) for found in health.look({**row, "step": 400 + row["step"]})
    ]
    assert [f.name for f in late] == ["diverging"]


def test_what_passes_is_forgotten():
    health = HealthCheck(Recipe())
    for row in rows(loss=9.0)[:5] + rows()[5:]:
        assert health.look(row) == []
    assert health.summary(200)["state"] == "good"
    again = HealthCheck(Recipe())
    again.load_state_dict(health.state_dict())
    assert again.troubled_since is None


def test_the_effective_rank_counts_directions():
    random = np.random.default_rng(0)
    basis = torch.from_numpy(np.linalg.qr(random.normal(size=(64, 8)))[0]).T
    spread = torch.eye(8).repeat(4, 1).double() @ basis
    assert effective_rank(spread) == pytest.approx(8, rel=1e-3)
    assert effective_rank(spread[:1].repeat(32, 1)) == pytest.approx(1, rel=1e-3)
