"""pretrain, runs and stop, as they are written at a terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run as verb
from fewshot_lab.project import Project
from fewshot_lab.runs import find_run, pretrain

from .conftest import QUICK, NewRun

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SETS = [part for k, v in QUICK.items() for part in ("--set", f"{k}={v}")]
TINY = ["--backbone", "test_vit", "--start", "scratch", "--batch-size", "8", *SETS]


@pytest.mark.usefixtures("project")
def test_from_start_to_weights(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["pretrain", "cells", *TINY, "--steps", "4", "--device", "cpu", "--name", "first"]
    assert verb(line) == 0
    out = capsys.readouterr().out
    assert "first has learnt from 48 images" in out
    assert "embed cells --backbone run:first" in out
    assert verb(["runs", "first", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["state"], said["progress"]) == ("first", "finished", 1.0)
    assert said["health"]["state"] == "good"
    assert said["metrics"]["loss"] > 0
    assert Path(said["weights"]).is_file()
    assert verb(["runs"]) == 0
    assert "first" in capsys.readouterr().out
    # Another one goes on from it.
    again = [*line[:2], "--start", "first", "--steps", "2", "--batch-size", "8", *SETS]
    assert verb([*again, "--name", "second"]) == 0
    assert verb([*line, "--resume"]) == 1
    assert "finished its 4 steps" in capsys.readouterr().err


def test_images_that_are_away_are_told_and_tried_again(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [item.file for item in project.items()][:6]
    for file in files:
        file.rename(file.with_suffix(".away"))
    line = ["pretrain", "cells", *TINY, "--steps", "2", "--device", "cpu", "--name"]
    assert verb([*line, "one"]) == 0
    printed = capsys.readouterr()
    assert "one has learnt from 42 images (6 could not be read)." in printed.out
    assert f"{files[0]}: The file is not there." in printed.err
    for file in files:
        file.with_suffix(".away").rename(file)
    (block,) = (project.folder.parent / ".runs" / ".cache").glob("*/*.u8")
    block.write_bytes(b"of other images")
    assert verb([*line, "two"]) == 0
    assert "two has learnt from 48 images." in capsys.readouterr().out
    assert verb(["runs", "two"]) == 0
    assert "Of 1 file of decoded images" in capsys.readouterr().out
    assert find_run("two").metrics()[-1]["epoch"] == 2 * 8 / 48


@pytest.mark.usefixtures("project")
def test_a_run_that_collapses_says_which_clone_to_try(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hot = ["--set", "teacher_temperature=1", "--set", "teacher_temperature_start=1"]
    hot += ["--set", "learning_rate=5e-4", "--set", "head_learning_rate=2e-3"]
    line = ["pretrain", "cells", *TINY, *hot, "--steps", "150", "--name", "hot"]
    assert verb(line) == 1
    assert "Lower the teacher's temperature" in capsys.readouterr().err
    assert verb(["runs", "hot"]) == 0
    out = capsys.readouterr().out
    command = "clone-run hot --set teacher_temperature=0.04 --set teacher_temperature_start=0.04"
    assert f"Try: python -m fewshot_lab {command}" in out
    file = "00007.png"  # no such image
    assert verb(["clone-run", "hot", "--without", file]) == 1
    assert f"has no image {file}" in capsys.readouterr().err
    again = [*command.split(), "--set", "steps=3", "--name", "cool", "--json"]
    assert verb(again) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "finished"
    reasons = json.loads(Path(os.environ["FEWSHOT_LAB_HOME"], ".runs/cool/spec.json").read_text())
    assert reasons["reasons"]["steps"] == "Changed from 150 in the clone of hot."
    assert verb(["delete-run", "hot"]) == 0
    assert capsys.readouterr().out == "hot is deleted.\n"
    assert verb(["runs", "--json"]) == 0
    assert [r["name"] for r in json.loads(capsys.readouterr().out)["runs"]] == ["cool"]


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.exhaustive)])
@pytest.mark.usefixtures("project")
def test_in_the_foreground_a_run_says_for_whom_it_waits(processes: int) -> None:
    from fewshot_lab.jobs import queue_slot

    line = [*TINY, "--steps", "2", "--device", "cpu", "--nproc", str(processes)]
    with queue_slot({"project": "night", "device": "cpu"}, lambda sentence: False):
        child = subprocess.Popen(
            [sys.executable, "-m", "fewshot_lab", "pretrain", "cells", *line],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stderr is not None
        said = [child.stderr.readline() for _ in range(3)]
        assert said[2].startswith("Waiting until the work on “night” has ended."), said
    _, err = child.communicate(timeout=120)
    assert child.returncode == 0, err


@pytest.mark.parametrize(
    "sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.exhaustive)]
)
@pytest.mark.usefixtures("project")
def test_ctrl_c_stores_the_step_and_resume_goes_on(
    sent: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal, and Slurm, send it to all processes: also to those that make the views."""
    line = [*TINY, "--steps", "50000", "--set", "workers=1", "--name", "long"]
    child = subprocess.Popen(
        [sys.executable, "-m", "fewshot_lab", "pretrain", "cells", *line],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    metrics = Path(os.environ["FEWSHOT_LAB_HOME"]) / ".runs" / "long" / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and '"kind": "step"' in metrics.read_text()):
        assert time.monotonic() < until
        time.sleep(0.2)
    os.killpg(child.pid, sent)
    _, err = child.communicate(timeout=60)
    assert "Traceback" not in err
    assert "resume with: python -m fewshot_lab pretrain cells --name long --resume" in err
    assert verb(["pretrain", "cells", "--name", "long", "--resume", "--detach"]) == 0
    assert verb(["stop", "long", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["state"] in ("stopped", "queued", "running")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch-size", "64"], "There are 48 images, fewer than a batch of 64"),
        (["--set", "prototype=3"], "did you mean prototypes"),
        (["--backbone", "vit_tyny"], "no backbone 'vit_tyny'"),
        (["--start", "nobody"], "no start 'nobody'"),
        (["--modality", "microscopy"], "did you mean"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_clear_sentence_before_anything_starts(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(["pretrain", "cells", *arguments]) == 1
    err = capsys.readouterr().err.strip()
    assert words in err
    assert "\n" not in err
    assert verb(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}


def test_resumed_it_keeps_its_recipe(new_run: NewRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(steps=4)
    again = ["pretrain", "cells", "--name", run.name, "--resume"]
    assert verb([*again, "--steps", "5"]) == 1
    assert "goes on with the recipe it has (steps was 4 and is 5)" in capsys.readouterr().err
    same = ["--steps", "4", "--start", "scratch", "--batch-size", "8", "--backbone", "test_vit"]
    assert verb([*again, *same, "--set", "checkpoint_steps=3"]) == 0
    assert run.recipe.checkpoint_steps == 3
    assert run.folder.joinpath("checkpoints/step-000000003.pt").exists()


def test_a_script_pretrains_too(project: Project) -> None:
    seen = []
    run = pretrain(
        project,
        backbone="test_vit",
        start="scratch",
        steps=3,
        batch_size=8,
        name="scripted",
        progress=lambda stage, done, total: seen.append((stage, done)),
        **QUICK,
    )
    assert run.status().state == "finished"
    assert seen[-1] == ("pretraining", 3)
    project.embed(backbone="run:scripted")
    assert project.backbone.architecture == "test_vit"


def test_nshot_at_the_terminal(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.embed()
    out = tmp_path / "n.json"
    line = ["evaluate", "nshot", "cells", "--shots", "1,2", "--draws", "2", "--out", str(out)]
    assert verb(line) == 0
    found = json.loads(out.read_text())
    assert {(r["classifier"], r["shots"]) for r in found["results"]} == {
        (c, n) for c in ("paper-svm", "paper-logreg", "paper-knn", "default") for n in (1, 2)
    }
    for result in found["results"]:
        low, high = result["interval"]
        assert 0 <= low <= result["balanced_accuracy"] <= high <= 1
    assert verb([*line[:3], "--shots", "few"]) == 1
    assert "give whole numbers" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_a_recipe_comes_from_the_card_of_an_earlier_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = ["pretrain", "cells", *TINY, "--steps", "2", "--device", "cpu", "--name", "first"]
    assert verb(line) == 0
    card = Path(find_run("first").folder) / "card.json"
    capsys.readouterr()
    dry = ["pretrain", "cells", "--recipe", str(card), "--dry-run", "--json", "--steps", "7"]
    assert verb(dry) == 0
    found = json.loads(capsys.readouterr().out)["recipe"]
    assert found == {**json.loads(card.read_text())["recipe"], "steps": 7}
    card.with_name("other.json").write_text("[1]")
    assert verb(["pretrain", "cells", "--recipe", str(card.with_name("other.json"))]) == 1
    assert "holds no recipe" in capsys.readouterr().err
