"""The pretraining page: a new run's form, and what a run's figures say."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_model
from streamlit.testing.v1 import AppTest

from fewshot_lab import pretrain
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.pretrain import CostEstimate, Recipe, RunImage, cost
from fewshot_lab.project import Project
from fewshot_lab.runs import create_run, list_runs
from fewshot_lab.ui import run_words, runs_table

from .conftest import unmarked, words

pytestmark = pytest.mark.slow


@pytest.fixture
def blood(home: Path, tmp_path: Path) -> Path:
    draw_demo(tmp_path / "cells", 24)
    project = Project.create("blood")
    project.import_images(tmp_path / "cells", reference_labels="folders")
    project.close()
    return home


def test_without_images_it_offers_to_import(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    assert "no images yet" in words(open_app("pretrain.py", "blood"))


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Measure as a machine would that trains on two images a second; keep that it was done."""
    measured: list[bool] = []

    def known(recipe: Recipe, **where: object) -> CostEstimate | None:
        training = recipe.steps * recipe.batch_size / 2
        hours = training / 3600
        sentence = f"Cost: {hours:.2f} hours."
        cost = CostEstimate(2.0, hours, 1.0, sentence, {"training": training}, 0.1)
        return cost if measured else None

    def measure(recipe: Recipe, *, again: bool, **where: object) -> CostEstimate | None:
        measured.append(again)
        return known(recipe)

    monkeypatch.setattr(pretrain, "known_cost", known, raising=False)
    monkeypatch.setattr(pretrain, "estimate_cost", measure, raising=False)
    return measured


@pytest.mark.usefixtures("blood")
def test_a_run_starts_only_once_its_cost_is_known(
    open_app: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, slow_machine: list[bool]
) -> None:
    monkeypatch.setattr(cost, "_LONG", 360.0)
    monkeypatch.setattr(cost, "_SHORT", 180.0)
    monkeypatch.setattr(cost, "_LEAST_STEPS", 5)
    app = open_app("pretrain.py", "blood")
    assert app.button(key="fl-start-run").disabled
    assert "measure it first" in words(app)
    app.button(key="fl-cost").click().run()
    said = words(app)
    assert "Cost: 0.33 hours." in said
    assert "A smaller recipe, 15 passes over the images instead of 100: 3 min" in said
    assert "expected gain unknown" in said
    assert not app.button(key="fl-start-run").disabled
    app.button(key="fl-smaller").click().run()
    # The same steps were measured: what fewer of them cost is known.
    assert "Cost: 0.05 hours." in words(app)
    assert "A smaller recipe," not in words(app)
    assert not app.button(key="fl-start-run").disabled
    app.button(key="fl-whole").click().run()
    assert "The smaller recipe" not in words(app)
    app.button(key="fl-cost").click().run()
    assert slow_machine == [False, True]
    assert not app.exception


@pytest.mark.usefixtures("blood", "slow_machine")
def test_a_new_run_is_proposed_with_its_recipe(open_app: Callable[..., AppTest]) -> None:
    app = open_app("pretrain.py", "blood")
    said = words(app)
    assert "24 images; labels are not used for training" in said
    assert "steps of 16 images" in said
    assert "Stained microscopy by the names" in said
    assert app.text_input(key="fl-run-name").value == "blood-1"
    app.selectbox(key="fl-run-column").set_value("reference label").run()
    assert not app.exception
    app.text_input(key="fl-run-name").set_value("not a name!").run()
    app.button(key="fl-cost").click().run()
    app.button(key="fl-start-run").click().run()
    assert "cannot name a run" in words(app)
    assert list_runs() == []


@pytest.mark.usefixtures("blood")
def test_of_a_transformer_a_small_part_may_learn(
    open_app: Callable[..., AppTest], tmp_path: Path
) -> None:
    def asked(app: AppTest) -> list[str]:
        return [box.label for box in app.selectbox if box.label == "What learns"]

    torch.manual_seed(0)
    weights = tmp_path / "vit.safetensors"
    save_model(timm.create_model("test_vit", num_classes=0), str(weights))
    app = open_app("pretrain.py", "blood")
    assert not asked(app)  # of convolutions, all learns
    app.selectbox(key="fl-run-start").set_value("file").run()
    app.text_input(key="fl-run-file").set_value(f"{weights}::test_vit").run()
    app.selectbox(key="fl-run-adapt").set_value("lora").run()
    assert not app.exception
    (frame,) = (f for f in app.dataframe if "adapt" in set(f.value["value"]))
    values = dict(zip(frame.value["value"], frame.value["is"], strict=True))
    assert (values["adapt"], values["adapt_rank"]) == ("lora", "16")
    app.selectbox(key="fl-run-start").set_value("scratch").run()
    assert not asked(app)  # nor of random weights, where there is nothing to keep


@pytest.mark.usefixtures("home")
def test_runs_are_told_apart_by_what_became_of_them(open_app: Callable[..., AppTest]) -> None:
    Project.create("blood").close()
    recipe = Recipe(steps=100)
    for name in ("one", "two"):
        create_run(name, ["blood"], [RunImage("a", Path("/nowhere/a.png"))], recipe)
    table = runs_table.table_html(list_runs())
    assert table.count("waiting") == 2
    assert "0 / 100" in table


def checks(start: float, low: float, high: float) -> list[dict]:
    middle = (low + high) / 2
    return [
        {"rank": 9.0, "knn": {"value": start, "low": start, "high": start, "n": 50}},
        {"rank": 8.0, "knn": {"value": middle, "low": low, "high": high, "n": 50}},
    ]


def test_whether_it_helps_is_said_with_its_doubt() -> None:
    assert "It helps" in run_words.helping_html(checks(0.5, 0.6, 0.8))
    assert "It does harm" in run_words.helping_html(checks(0.5, 0.2, 0.4))
    assert "No clear difference" in run_words.helping_html(checks(0.5, 0.45, 0.7))
    assert "60.0–80.0, n = 50" in run_words.helping_html(checks(0.5, 0.6, 0.8))
    first, last = checks(0.5, 0.45, 0.7)
    last["knn_gain"] = {"value": 0.075, "low": 0.01, "high": 0.14}
    paired = run_words.helping_html([first, last])
    assert "It helps" in paired
    assert "+7.5 points (+1.0 to +14.0) against the frozen start's 50.0 %" in paired
    alone = unmarked(run_words.helping_html([first]))
    assert "The frozen start: kNN 50.0 %" in alone
    assert "points" not in alone
    without = [{"rank": 9.0, "knn": None}, {"rank": 8.0, "knn": None}]
    assert "effective rank is 8, after 9" in run_words.helping_html(without)


@pytest.mark.usefixtures("blood")
def test_the_advised_change_is_one_click_away(open_app: Callable[..., AppTest]) -> None:
    recipe = Recipe(steps=100, teacher_temperature=0.3)
    run = create_run("hot", ["blood"], [RunImage("a", Path("/nowhere/a.png"))], recipe)
    health = {
        "state": "bad",
        "name": "uniform collapse",
        "sentence": "The teacher's outputs are all alike.",
        "advice": "Take a lower teacher temperature.",
        "changes": {"teacher_temperature": 0.04},
        "step": 40,
    }
    (run.folder / "health.json").write_text(json.dumps(health), encoding="utf-8")
    app = open_app("pretrain.py", "blood")
    app.session_state["fl-run"] = "hot"
    app.run()
    assert "uniform collapse" in words(app).lower()
    app.button(key="fl-advised-hot").click().run()
    assert not app.exception
    said = words(app)
    assert "A clone of hot: the same images, teacher_temperature 0.04 (was 0.3)." in said
    app.text_input(key="fl-run-name").set_value("cooler").run()
    assert not app.exception
    assert app.button(key="fl-start-run").label
