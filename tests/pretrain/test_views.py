"""Views: as torchvision's own transforms make them, in workers and on the device alike."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional

from fewshot_lab.pretrain import PRESETS, Recipe
from fewshot_lab.pretrain.colour import coloured, draw_colours
from fewshot_lab.pretrain.crops import CropDataset, collate, coloured_views
from fewshot_lab.pretrain.geometry import crop_batch, crop_one, draw_boxes, draw_warps, homography

CPU = torch.device("cpu")
BICUBIC = functional.InterpolationMode.BICUBIC
BILINEAR = functional.InterpolationMode.BILINEAR
SIDE = 61


def smooth(n: int, side: int = SIDE) -> torch.Tensor:
    """Return (n, 3, side, side), uint8: noise, a little smoothed, with hard edges."""
    noise = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0)) * 255
    noise = functional.gaussian_blur(noise, [5, 5], [1.0, 1.0])
    noise = (noise - noise.mean()) * 4 + 128
    noise[..., side // 3 :, :5] = 255
    return noise.clamp(0, 255).byte()


BOX = st.tuples(
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(1, 41),
    st.integers(1, 41),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)


@settings(max_examples=25, deadline=None)
@given(box=BOX, size=st.integers(3, 70))
def test_a_batch_is_cut_as_torchvision_cuts_one(box, size):
    images = smooth(1)
    top, left, height, width, mirrored, upside_down, turns = box

    def theirs(image):
        crop = functional.resized_crop(
            *(image, top, left, height, width, [size, size]), interpolation=BICUBIC, antialias=True
        )
        crop = functional.horizontal_flip(crop) if mirrored else crop
        crop = functional.vertical_flip(crop) if upside_down else crop
        return torch.rot90(crop, turns, (1, 2))

    drawn = torch.tensor([box], dtype=torch.float32)
    batch = crop_batch(images.float(), drawn, None, size)
    assert (batch[0] - theirs(images[0].float()).clamp(0, 255)).abs().max() <= 0.501
    assert torch.equal(crop_one(images[0], drawn[0], None, size), theirs(images[0]))


def test_perspective_and_rotation_are_torchvisions():
    image = smooth(1)
    whole = torch.tensor([[0, 0, SIDE, SIDE, 0, 0, 0]], dtype=torch.float32)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    moved = corners * np.array([[0.9, 0.7], [0.8, 0.95], [0.6, 0.9], [0.85, 0.8]])
    warp = torch.from_numpy(homography(moved, corners)).float()[None]
    pixels = ((corners + 1) * SIDE / 2).tolist()
    ends = ((moved + 1) * SIDE / 2).tolist()
    expected = functional.perspective(image, pixels, ends, interpolation=BILINEAR, fill=0).float()
    cut = crop_batch(image.float(), whole, warp, SIDE)
    middle = slice(15, 45)  # borders are the fill's
    assert (cut - expected)[..., middle, middle].abs().max() <= 1
    angle = math.radians(30)
    turn = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )[None]
    expected = functional.rotate(image, 30, interpolation=BILINEAR).float()
    cut = crop_batch(image.float(), whole, turn, SIDE)
    assert (cut - expected)[..., middle, middle].abs().max() <= 1


def test_crops_are_drawn_as_torchvision_draws_them():
    recipe = Recipe()
    random = np.random.default_rng(0)
    boxes = draw_boxes(4000, 200, (0.1, 0.4), recipe, random)
    torch.manual_seed(0)
    from torchvision.transforms import RandomResizedCrop

    theirs = torch.tensor(
        [
            RandomResizedCrop.get_params(torch.empty(3, 200, 200), [0.1, 0.4], [3 / 4, 4 / 3])
            for _ in range(4000)
        ]
    )
    for column in range(4):
        mine, other = boxes[:, column], theirs[:, column].float()
        spread = (mine.var() / 4000 + other.var() / 4000).sqrt()
        assert abs(mine.mean() - other.mean()) < 4 * spread
        assert mine.std() == pytest.approx(float(other.std()), rel=0.06)
    for column, shares in ((4, 2), (5, 2), (6, 4)):
        counts = boxes[:, column].int().bincount(minlength=shares) / 4000
        assert counts.sub(1 / shares).abs().max() < 0.04


def test_the_two_global_views_differ_where_dinos_do():
    recipe = Recipe.paper(1000)
    random = np.random.default_rng(0)
    pairs = torch.stack([draw_colours("global", 2, recipe, random) for _ in range(2000)])
    blurred, solarised = (pairs[..., 5] > 0).float().mean(0), pairs[..., 6].mean(0)
    assert blurred.tolist() == pytest.approx([1.0, 0.1], abs=0.03)
    assert solarised.tolist() == pytest.approx([0.0, 0.2], abs=0.03)
    local = torch.stack([draw_colours("local", 5, recipe, random) for _ in range(1000)])
    assert float((local[..., 5] > 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(local[..., 6].sum()) == 0
    sigma = pairs[:, 0, 5]
    assert (float(sigma.min()), float(sigma.max())) == pytest.approx((0.1, 5.0), abs=0.02)


@pytest.mark.parametrize("kind", PRESETS)
def test_the_views_of_every_kind_differ_and_none_turns_bright_into_dark(kind):
    recipe = Recipe.for_dataset(500, modality=kind).recipe
    often = 1.0 if recipe.saturation > 0.1 else 0.5  # where fine structures are the finding
    blurs = recipe.blur_probability, recipe.blur_probability_second, recipe.blur_probability_local
    assert blurs == (often, 0.1, often / 2)
    assert recipe.solarise_probability == 0


def test_recipes_of_before_keep_their_views():
    for values in ({"blur_probability": 0.3}, Recipe(blur_probability=0.3).to_dict()):
        kept = Recipe.from_dict(values)
        assert kept.blur_probability_second == kept.blur_probability_local == 0.3
    asked = Recipe.for_dataset(500, blur_probability=0.0).recipe
    assert (asked.blur_probability_second, asked.blur_probability_local) == (0, 0)


def test_blur_follows_the_size_of_the_crop():
    small = Recipe.for_dataset(500, global_size=112, local_size=56).recipe
    assert (small.blur_sigma, small.blur_sigma_local) == (1.0, 0.5)
    large = Recipe.for_dataset(500, device="cuda", global_size=224).recipe
    assert large.blur_sigma == 2.0  # DINO's


def colours(**changes):
    drawn = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    for column, value in changes.items():
        drawn[0, int(column[1:])] = value
    return drawn


def test_blur_and_solarise_are_the_usual_ones():
    image = smooth(1)
    blurred = coloured(image, colours(_5=2.5), 5.0)
    expected = functional.gaussian_blur(image.float() / 255, [31, 31], [2.5, 2.5])
    assert torch.allclose(blurred, expected, atol=1e-5)
    bright = coloured(image, colours(_6=1.0), 1.0)
    assert torch.allclose(bright * 255, functional.solarize(image, 128).float(), atol=1e-3)


@pytest.mark.parametrize("warps", [False, True], ids=["plain", "warped"])
def test_the_device_shows_what_the_workers_show(warps):
    changes = {"rotation": 180, "perspective_probability": 0.5} if warps else {}
    recipe = Recipe(global_size=48, local_size=24, local_crops=3, accumulate=2, **changes)
    pixels = smooth(8, 64).permute(0, 2, 3, 1).numpy()
    views = []
    for each in (recipe, recipe.changed(device_views=True)):
        crops = CropDataset(pixels, each)
        batch = collate([crops[3, row] for row in range(8)])
        views.append([coloured_views(batch, part, each, CPU) for part in (0, 1)])
    for workers, device in zip(*views, strict=True):
        for one, other in zip(workers, device, strict=True):
            assert one.shape == other.shape
            # Workers round to 8 bit, and cut what overshoots, once more on the way.
            assert (one - other).abs().mean() < 0.5 / 255
            assert (one - other).abs().max() < 12 / 255


@pytest.mark.parametrize("device_views", [False, True])
def test_a_view_follows_from_seed_epoch_and_image_alone(device_views):
    recipe = Recipe(global_size=32, local_size=16, device_views=device_views, rotation=20)
    pixels = smooth(6, 40).permute(0, 2, 3, 1).numpy()
    crops = CropDataset(pixels, recipe)

    def shown(places):
        batch = collate([crops[place] for place in places])
        return [v.unflatten(0, (-1, len(places))) for v in coloured_views(batch, 0, recipe, CPU)]

    together, alone = shown([(2, 1), (2, 4), (3, 1)]), shown([(2, 4)])
    for many, one in zip(together, alone, strict=True):
        assert torch.equal(many[:, 1], one[:, 0])
        assert not torch.equal(many[:, 0], many[:, 2])  # another epoch
    other = CropDataset(pixels, recipe.changed(seed=1))
    assert not torch.equal(other[2, 4]["global_colours"], crops[2, 4]["global_colours"])


def test_nothing_is_warped_where_nothing_is_asked_for():
    assert draw_warps(3, Recipe(), np.random.default_rng(0)) is None
