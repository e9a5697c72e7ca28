"""A recipe from the size of the data: a reason for each value, and none that cannot work."""

import time
from dataclasses import fields
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.pretrain import (
    PRESETS,
    Recipe,
    check_recipe,
    estimate_cost,
    known_cost,
    shorter_sentence,
    shorter_steps,
)
from fewshot_lab.pretrain.cost import forecast
from fewshot_lab.pretrain.step_cost import StepCost

from .conftest import TINY

STARTS = [
    ("efficientnet-lite0-imagenet", "imagenet"),
    ("efficientnet-lite0-dino", "efficientnet-lite0-dino"),
    ("timm:vit_small_patch14_dinov2.lvd142m", "imagenet"),
    ("vit_tiny_patch16_224", "scratch"),
    ("xcit_nano_12_p16_224", "scratch"),
    ("resnet18", "scratch"),
]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("backbone", "start"), STARTS)
def test_each_value_has_its_reason_and_the_network_takes_it(backbone, start, device, monkeypatch):
    from fewshot_lab.pretrain import preflight

    weights = SimpleNamespace(available=lambda: (True, ""))  # some are to download
    monkeypatch.setattr(preflight, "starting_weights", lambda backbone, start: weights)
    for n in (40, 3_000, 300_000):
        advice = Recipe.for_dataset(n, backbone, start, "dermoscopy", device=device)
        assert set(advice.reasons) == {known.name for known in fields(Recipe)}
        assert all(reason.endswith((".", ")")) for reason in advice.reasons.values())
        check_recipe(advice.recipe, n)


def test_weights_without_a_head_rest_while_it_learns_and_new_ones_do_not():
    dino = Recipe.for_dataset(5000, "efficientnet-lite0-dino", "efficientnet-lite0-dino").recipe
    assert dino.head_only_steps > 0
    assert dino.frozen_stages == 0
    imagenet = Recipe.for_dataset(5000).recipe
    assert imagenet.frozen_stages > 0
    scratch = Recipe.for_dataset(5000, "resnet18", "scratch").recipe
    assert (scratch.head_only_steps, scratch.frozen_stages) == (0, 0)
    assert scratch.final_weight_decay > imagenet.final_weight_decay


def test_transformers_and_random_weights_learn_at_the_published_rates():
    # Five times that ended vit_tiny in a rank collapse within 150 steps.
    for n in (400, 5000):
        scratch = Recipe.for_dataset(n, "vit_tiny_patch16_224", "scratch").recipe
        assert scratch.learning_rate == 5e-4 * scratch.batch_size / 256
        assert scratch.head_learning_rate == scratch.learning_rate
    weights = Recipe.for_dataset(5000, "timm:vit_small_patch14_dinov2.lvd142m").recipe
    assert weights.learning_rate == 1e-4 * weights.batch_size / 256
    assert Recipe.for_dataset(5000).recipe.learning_rate == 5e-4
    gpu = Recipe.for_dataset(5000, device="cuda").recipe
    assert (gpu.batch_size, gpu.learning_rate) == (256, 1e-3)


def test_more_images_take_more_prototypes_and_a_warmer_teacher():
    sizes = (1_000, 30_000, 60_000, 150_000, 2_000_000)
    recipes = [Recipe.for_dataset(n, device="cuda").recipe for n in sizes]
    assert [r.prototypes for r in recipes] == [1024, 2048, 4096, 16_384, 65_536]
    temperatures = [r.teacher_temperature for r in recipes]
    assert temperatures == sorted(temperatures)
    assert temperatures[-1] == pytest.approx(0.07)


def test_what_an_image_shows_decides_how_it_may_be_changed():
    grey = Recipe.for_dataset(500, modality="radiology grey").recipe
    assert not (grey.horizontal_flip or grey.vertical_flip or grey.quarter_turns)
    assert (grey.hue, grey.saturation) == (0, 0)
    for name in PRESETS:
        recipe = Recipe.for_dataset(500, modality=name).recipe
        assert recipe.hue <= 0.05  # colour is a finding in all of them
        assert recipe.grey_probability == 0


def measured(**changes):
    values = {"drawing": 0.01, "training": 0.1, "embedding": 0.01, "update": 0.2, "start": 9.0}
    memory = {"memory_gb": 1.0, "memory_per_image_gb": 0.05, "images": 16}
    return StepCost(**{**values, **memory, "threads": 2, "at": time.time(), **changes})


def forecast_of(recipe, cost, **options):
    return forecast(recipe, cost, **{"device": "cpu", "processes": 1, "labelled": 0, **options})


@settings(max_examples=60, deadline=None)
@given(
    training=st.floats(1e-3, 30),
    update=st.floats(0, 30),
    start=st.floats(0, 4000),
    steps=st.integers(1, 300_000),
    labelled=st.integers(0, 5000),
)
def test_the_smaller_recipe_keeps_its_promise(training, update, start, steps, labelled):
    recipe = Recipe(steps=steps, batch_size=64)
    cost = measured(training=training, update=update, start=start)
    whole = forecast_of(recipe, cost, labelled=labelled)
    less = shorter_steps(recipe, whole)
    assert (less is None) == (whole.hours <= 3 or steps <= 160)
    if less:
        assert less >= 160
        smaller = forecast_of(recipe.changed(steps=less), cost, labelled=labelled)
        assert 1.5 < smaller.hours <= 2
        passes = recipe.changed(steps=less).epochs(5000)
        assert Recipe.for_dataset(5000, epochs=passes, batch_size=64).recipe.steps == less
    elif less == 0:
        fewest = forecast_of(recipe.changed(steps=160), cost, labelled=labelled)
        assert fewest.hours > 2
        assert "Even 160 steps" in shorter_sentence(recipe, whole, 5000)


def test_a_forecast_counts_all_there_is():
    recipe = Recipe(steps=1000, batch_size=64, workers=0)
    cost = forecast_of(recipe, measured(), processes=2, labelled=500)
    assert cost.images_per_second == pytest.approx(64 / (32 * 0.11 + 0.2))
    assert cost.seconds["training"] == pytest.approx(64_000 / cost.images_per_second)
    assert cost.hours == pytest.approx(sum(cost.seconds.values()) / 3600)
    assert set(cost.seconds) == {"training", "start", "checks", "checkpoints"}
    assert all(part > 0 for part in cost.seconds.values())
    assert cost.memory_gb == pytest.approx(1.0 + 16 * 0.05)
    assert 0 < cost.gpu_hours < cost.hours
    assert "2 processes, if they keep pace" in cost.sentence
    assert "1,000 steps of 64" in cost.sentence
    assert "About 0.33 images a second" in forecast_of(recipe, measured(training=3)).sentence
    assert (
        "Measured 20 minutes ago." in forecast_of(recipe, measured(at=time.time() - 1200)).sentence
    )


@pytest.mark.slow
def test_the_cost_is_measured_once_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(tmp_path))
    recipe = Recipe.from_dict({**TINY, "steps": 1000})
    assert known_cost(recipe) is None
    cost = estimate_cost(recipe, seconds=0.2)
    assert 1 < cost.images_per_second < 100_000
    assert 0.1 < cost.memory_gb < 8
    # Of a run that differs in what costs nothing, it is known; of another network, not.
    longer = known_cost(recipe.changed(steps=2000, learning_rate=1e-5, batch_size=32))
    assert longer.hours > cost.hours
    assert known_cost(recipe.changed(global_size=48)) is None
    later = time.time() + 4000
    monkeypatch.setattr("time.time", lambda: later)
    assert known_cost(recipe) is None
