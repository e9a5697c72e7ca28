"""What cannot work is said before the start, or ends cleanly."""

import errno
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import Recipe, check_recipe, newest_step

from .conftest import train_run

pytestmark = pytest.mark.slow

SCRATCH = Recipe(backbone="test_vit", start="scratch", batch_size=16)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({}, {"n_images": 9}, "9 images, fewer than a batch of 16: take --batch-size 4"),
        ({}, {"nproc": 3}, "equally by 3 processes: take --batch-size 15 or 18"),
        ({"backbone": "vit_tyny"}, {}, "no backbone 'vit_tyny'; did you mean"),
        ({"start": "imagnet"}, {}, "no start 'imagnet'; did you mean imagenet"),
        ({"start": "/nowhere/dino.pth"}, {}, "no file /nowhere/dino.pth"),
        ({"start": "run:nobody"}, {}, "no pretraining run 'nobody'"),
        ({"global_size": 100}, {}, "patches of 16 px: take 96"),
        ({"backbone": "maxvit_tiny_tf_224"}, {}, "which maxvit_tiny_tf_224 does not take"),
        ({}, {"device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_before_the_start(changes, options, words):
    arguments = {"n_images": 100} | options
    with pytest.raises(FewshotLabError, match=re.escape(words)):
        check_recipe(SCRATCH.changed(**changes), **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(FewshotLabError, match="--device cpu"):
        check_recipe(SCRATCH, 100, device="cuda")


def test_small_images_are_a_warning():
    (warning,) = check_recipe(SCRATCH, 100, median_side=20)
    assert "have 20 px a side or fewer" in warning


def test_without_a_compiler_nothing_is_compiled(make_run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    (warning,) = check_recipe(SCRATCH.changed(compile=True), 100)
    assert "no compiler here" in warning
    folder = make_run(steps=1, compile=True)
    train_run(folder)
    assert newest_step(folder) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prototype": 3}, "no value 'prototype'; did you mean prototypes"),
        ({"steps": "many"}, "steps is 'many' but must be a whole number"),
        ({"batch_size": 1}, "batch_size is 1 but must be at least 2"),
        ({"global_scale_low": 0.9, "global_scale_high": 0.5}, "above global_scale_high"),
        ({"precision": "fp16"}, "float32 or bf16"),
    ],
)
def test_a_value_that_a_recipe_cannot_take(values, words):
    with pytest.raises(FewshotLabError, match=words):
        Recipe.from_dict(values)


def test_grey_16_bit_tiny_and_broken_images(make_run, tmp_path, cells):
    import json

    random = np.random.default_rng(0)
    rows = []
    for number in range(40):
        path = tmp_path / f"{number}.png"
        if number % 4 == 0:
            Image.fromarray(random.integers(0, 2**16, (50, 40), dtype=np.uint16)).save(path)
        elif number % 4 == 1:
            Image.fromarray(random.integers(0, 256, (7, 9), dtype=np.uint8)).save(path)
        elif number == 2:
            path.write_text("not a picture")
        else:
            Image.fromarray(random.integers(0, 256, (60, 60, 3), dtype=np.uint8)).save(path)
        rows.append(json.dumps({"id": str(number), "file": str(path)}) + "\n")
    listed = tmp_path / "mixed.jsonl"
    listed.write_text("".join(rows))
    folder = make_run(images=listed, steps=3)
    train_run(folder)
    assert newest_step(folder) == 3
    assert '"images": 39' in (folder / "card.json").read_text()


@pytest.mark.parametrize("step", [pytest.param(0, marks=pytest.mark.exhaustive), 3])
def test_a_full_disk_ends_the_run_and_keeps_what_is_stored(step, make_run, monkeypatch):
    folder = make_run(steps=9, checkpoint_steps=3)
    true = os.fsync

    def full(fd):
        if newest_step(folder) >= step:
            raise OSError(errno.ENOSPC, "No space left on device")
        true(fd)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FewshotLabError, match=f"it goes on from step {step}"):
        train_run(folder)
    monkeypatch.setattr(os, "fsync", true)
    assert newest_step(folder) == step
    train_run(folder)
    assert newest_step(folder) == 9


def test_too_little_memory_says_what_would_fit(make_run, monkeypatch):
    from fewshot_lab.pretrain import multi_crop_network
    from fewshot_lab.runs import run_rank

    true = multi_crop_network.MultiCropNetwork.forward

    def small(self, crops):
        # The memory holds six images, of which a step shows two global views each.
        if torch.is_grad_enabled() and len(crops[0]) > 12:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return true(self, crops)

    monkeypatch.setattr(multi_crop_network.MultiCropNetwork, "forward", small)
    folder = make_run(steps=3)
    with pytest.raises(FewshotLabError, match="for 16 images at once; 4 fit: take --batch-size 4,"):
        run_rank(folder)
    # As it says, the batch stays when it goes in parts.
    parts = make_run("parts", steps=3, accumulate=4)
    run_rank(parts)
    assert newest_step(parts) == 3
