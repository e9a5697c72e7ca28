"""The recipe of Nielsen et al. 2023, value by value, against what their code says."""

import numpy as np
import pytest
import torch
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import Recipe, schedules
from fewshot_lab.pretrain.image_cache import RunImage, decode_images
from fewshot_lab.runs import recommend_recipe

# Typed from sparsam at 9457ae3: configs/dino_config.yml, data_augmentation.py, train.py, utils.py.
THEIRS = {
    "backbone": "xcit_small_12_p8_224.fb_dist_in1k",
    "start": "imagenet",
    "batch_size": 256,
    "learning_rate": 5e-4,
    "head_learning_rate": 5e-4,
    "final_learning_rate": 0.0,
    "weight_decay": 0.04,
    "final_weight_decay": 0.4,
    "teacher_temperature_start": 0.02,
    "teacher_temperature": 0.04,
    "student_temperature": 0.1,
    "centre_momentum": 0.9,
    "ema_start": 0.9995,
    "ema_end": 0.9995,
    "adaptive_clip": 0.32,
    "clip": 0.0,
    "prototypes": 65_536,
    "head_hidden": 2048,
    "head_bottleneck": 256,
    "global_size": 256,
    "local_size": 96,
    "local_crops": 5,
    "global_scale_low": 0.5,
    "global_scale_high": 1.0,
    "local_scale_low": 0.1,
    "local_scale_high": 0.5,
    "perspective_probability": 0.5,
    "perspective_distortion": 0.5,
    "rotation": 180.0,
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.2,
    "hue": 0.1,
    "colour_probability": 0.8,
    "grey_probability": 0.2,
    "blur_probability": 1.0,
    "blur_probability_second": 0.1,
    "blur_probability_local": 0.5,
    "blur_sigma": 5.0,
    "blur_sigma_local": 5.0,
    "solarise_probability": 0.2,
    "resize": "nearest",
    "pixel_range": "-1 to 1",
    "decoded_size": 256,
    "head_only_steps": 0,
    "frozen_stages": 0,
}


@pytest.mark.parametrize("name", THEIRS)
def test_each_value_is_theirs(name):
    assert getattr(Recipe.paper(170_000), name) == THEIRS[name]


@pytest.mark.parametrize(("n_images", "steps_of_an_epoch"), [(170_000, 664), (10_015, 39)])
def test_durations_are_epochs_of_whole_batches(n_images, steps_of_an_epoch):
    paper = Recipe.paper(n_images)
    assert paper.steps == 500 * steps_of_an_epoch
    assert paper.teacher_temperature_warmup == 10 * steps_of_an_epoch
    assert paper.warmup_steps == 2 * steps_of_an_epoch
    assert paper.frozen_last_layer_steps == steps_of_an_epoch
    # Linear to the peak, then a cosine to nothing; nothing scales with the batch.
    assert schedules.learning_rate(paper, 2 * steps_of_an_epoch - 1) == 5e-4
    assert schedules.learning_rate(paper, paper.steps - 1) == 0
    half = Recipe.paper(n_images, batch_size=128)
    assert half.learning_rate == paper.learning_rate


def test_what_is_asked_for_stands_above_it_and_the_batch_makes_the_epoch():
    recommended = recommend_recipe(
        1000, paper=True, batch_size=50, epochs=3, values={"prototypes": "99"}
    )
    recipe = recommended.recipe
    assert (recipe.steps, recipe.warmup_steps, recipe.prototypes) == (60, 40, 99)
    assert recommended.reasons["prototypes"] == "As asked."
    assert recipe.precision == "float32"  # on a CPU
    assert recommend_recipe(1000, paper=True, device="cuda").recipe.precision == "bf16"


def test_nearest_neighbours_are_pillows_own(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (150, 90, 3), dtype=np.uint8)
    # Four times as large as asked for: a JPEG that is scaled while decoding has other neighbours.
    large = Image.fromarray(pixels).resize((720, 1200))
    large.save(tmp_path / "a.jpg")
    data = decode_images([RunImage("a", tmp_path / "a.jpg")], 64, tmp_path / "c", resize="nearest")
    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.asarray(image.resize((64, 64), Image.Resampling.NEAREST))
    assert np.array_equal(data.pixels[0], expected)
    usual = decode_images([RunImage("a", tmp_path / "a.jpg")], 64, tmp_path / "c")
    assert not np.array_equal(usual.pixels[0], expected)


@pytest.mark.slow
def test_adaptive_clipping_is_by_unit(make_run):
    from fewshot_lab.pretrain import read_metrics

    from .conftest import train_run

    loose = make_run("loose", steps=2, clip=0, checkpoint_steps=1, keep=9)
    tight = make_run("tight", steps=2, clip=0, adaptive_clip=1e-9, checkpoint_steps=1, keep=9)
    train_run(loose)
    train_run(tight)
    moments = []
    for folder in (loose, tight):
        state = torch.load(folder / "checkpoints" / "step-000000001.pt", weights_only=True)
        first = state["optimiser"]["state"]
        moments.append(max(float(each["exp_avg"].abs().max()) for each in first.values()))
        (row,) = [r for r in read_metrics(folder) if r["kind"] == "step"][:1]
        assert row["gradient_norm"] > 0  # as it was, before it was clipped
    assert moments[1] < 1e-6 < moments[0]


def test_a_filter_that_there_is_not():
    with pytest.raises(FewshotLabError, match="resize is 'lanczos': take bicubic or nearest"):
        Recipe(resize="lanczos")


def test_a_recipe_of_before_blurs_all_crops_alike():
    old = Recipe.from_dict({"blur_probability": 0.7})
    assert (old.blur_probability_second, old.blur_probability_local) == (0.7, 0.7)
