"""A run's life on this machine."""

import json
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest
import torch

from fewshot_lab.backbones import find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import RunImage
from fewshot_lab.project import Project
from fewshot_lab.runs import (
    create_run,
    find_run,
    launch_run,
    list_runs,
    process_environment,
    read_images,
    run_images,
    run_rank,
    torchrun_command,
)

from .conftest import NewRun, first_process, wait_for

pytestmark = pytest.mark.slow


def training(step: int = 1):
    return lambda status: status.state == "running" and status.done >= step


def test_it_trains_detached_and_its_backbone_embeds_the_project(
    project: Project, new_run: NewRun
) -> None:
    run = new_run(steps=8)
    assert run.status().state == "queued"
    launch_run(run)
    status = wait_for(run, lambda s: not s.active)
    assert (status.state, status.done, status.total) == ("finished", 8, 8), run.log()
    project.embed(backbone="run:run")
    assert project.embeddings is not None
    assert len(project.embeddings.ids) == 48
    assert find("run:run").architecture == "test_vit"
    with pytest.raises(FewshotLabError, match="finished its 8 steps"):
        launch_run(run)


def test_stopped_it_goes_on_where_it_was(new_run: NewRun) -> None:
    run = new_run(steps=60_000)
    launch_run(run)
    wait_for(run, training(3))
    with pytest.raises(FewshotLabError, match="running already"):
        launch_run(run)
    with pytest.raises(FewshotLabError, match="stop it first"):
        run.delete()
    run.stop()
    stopped = wait_for(run, lambda s: not s.active)
    assert stopped.state == "stopped"
    launch_run(run)
    wait_for(run, training(stopped.done + 2))
    resumed = [row for row in run.metrics() if row.get("name") == "resumed"]
    assert resumed[0]["step"] == stopped.done
    run.stop()
    wait_for(run, lambda s: not s.active)
    run.delete()
    assert list_runs() == []


def test_killed_it_is_told_from_a_slow_one(new_run: NewRun) -> None:
    run = new_run(steps=60_000)
    launch_run(run)
    wait_for(run, training(6))
    os.kill(first_process(run), signal.SIGSTOP)
    assert run.status().state == "running"
    os.kill(first_process(run), signal.SIGKILL)
    lost = wait_for(run, lambda s: not s.active)
    assert lost.state == "failed"
    assert "goes on from step" in lost.message


def test_two_processes_by_torchrun_end_quietly_when_stopped(new_run: NewRun) -> None:
    run = new_run(steps=60_000)
    launch_run(run, nproc=2)
    torchrun = psutil.Process(json.loads((run.folder / "process.json").read_text())["pid"])
    wait_for(run, training(3), 200)
    run.stop()
    status = wait_for(run, lambda s: not s.active)
    torchrun.wait(60)
    assert status.state == "stopped", run.log()
    assert "Traceback" not in run.log()


def test_a_clone_has_the_same_images_and_other_values(new_run: NewRun) -> None:
    run = new_run()
    twin = run.clone("twin", learning_rate=3e-5, steps=7)
    assert twin.recipe.learning_rate == 3e-5
    assert twin.recipe.changed(learning_rate=run.recipe.learning_rate, steps=30) == run.recipe
    assert (twin.folder / "images.jsonl").read_bytes() == (run.folder / "images.jsonl").read_bytes()
    assert {each.name for each in list_runs()} == {"run", "twin"}
    with pytest.raises(FewshotLabError, match="a run 'twin' already"):
        run.clone("twin")
    with pytest.raises(FewshotLabError, match="did you mean twin"):
        find_run("twinn")
    first = json.loads((run.folder / "images.jsonl").read_text().splitlines()[0])
    less = run.clone("less", without=[Path(first["file"]).name])
    assert less.spec["images"] == 47
    assert first["id"] not in (less.folder / "images.jsonl").read_text()
    # What has never been started can go; what was killed while it was made, holds no name.
    less.delete()
    shutil.copytree(run.folder, run.folder.with_name(".half.1.part"))
    assert {each.name for each in list_runs()} == {"run", "twin"}
    run.clone("half")


def test_chosen_gpus_are_all_that_its_processes_see(project: Project, new_run: NewRun) -> None:
    run = new_run()
    assert process_environment(run) == {}
    other = create_run("gpus", ["cells"], [], run.recipe, device="cuda", nproc=2, gpus=[1, 3])
    assert process_environment(other)["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert "--nproc-per-node=2" in torchrun_command(other, 2)


def test_labels_are_for_the_check_alone_and_never_of_the_audit_set(project: Project) -> None:
    names = {row.id: row.reference for row in project.store.images()}
    first, second, third, *_ = names
    project.labels.add({first: "mine"}, "kim")
    project.store.draw_audit([second], 48)
    images, classes = run_images([project])
    found = {image.id: image.label for image in images}
    assert classes[found[first]] == "mine"
    assert found[second] is None
    assert classes[found[third]] == names[third]
    assert all(image.file.is_absolute() for image in images)


def test_images_as_an_earlier_version_listed_them_are_read(tmp_path: Path) -> None:
    line = {"id": "a", "file": "/x/a.png", "label": 1, "project": "cells", "side": 40}
    (tmp_path / "images.jsonl").write_text(json.dumps(line) + "\n")
    assert read_images(tmp_path) == [RunImage("a", Path("/x/a.png"), label=1, side=40)]
    (tmp_path / "images.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(FewshotLabError, match=r"Line 1 of .* names no image"):
        read_images(tmp_path)


def test_a_checkpoint_of_another_recipe_is_refused(new_run: NewRun) -> None:
    run = new_run(steps=8)
    run_rank(run.folder)
    other = create_run("other", ["cells"], [], run.recipe.changed(learning_rate=1.0))
    (other.folder / "images.jsonl").write_bytes((run.folder / "images.jsonl").read_bytes())
    (run.folder / "checkpoints").rename(other.folder / "checkpoints")
    with pytest.raises(FewshotLabError, match=r"another recipe \(learning_rate was"):
        run_rank(other.folder)
    assert other.status().state == "failed"


def test_a_damaged_checkpoint_is_passed_over(new_run: NewRun) -> None:
    run = new_run(steps=10)
    run_rank(run.folder)
    newest = run.folder / "checkpoints" / "step-000000010.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert torch.load(run.folder / "checkpoints" / "step-000000005.pt", weights_only=True)
    status = run.folder / "status.json"
    status.write_text(status.read_text().replace('"finished"', '"stopped"'))
    run_rank(run.folder)
    assert run.status().state == "finished"
    assert [r["step"] for r in run.metrics() if r.get("name") == "resumed"] == [5]
