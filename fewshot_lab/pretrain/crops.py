"""Views of an image: where its crops lie, how they are turned and coloured.

Every random number is drawn from (seed, epoch, image): the same step shows the same views after
a resume, and on however many processes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional

from fewshot_lab.pretrain.colour import coloured, draw_colours
from fewshot_lab.pretrain.pixel_blocks import CachedPixels
from fewshot_lab.pretrain.recipe import Recipe

GLOBAL_CROPS = 2

Views = dict[str, Tensor]
"""``global`` (2, 3, G, G) and ``local`` (L, 3, S, S), uint8, and their ``..._colours``."""


class CropDataset(Dataset[Views]):
    """The views of the images of a run.

    Parameters
    ----------
    pixels
        (n, side, side, 3), uint8, or what can be asked for a row like it.
    recipe
    """

    def __init__(self, pixels: NDArray[np.uint8] | CachedPixels, recipe: Recipe) -> None:
        self._pixels = pixels
        self._recipe = recipe

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._pixels)

    def __getitem__(self, place: tuple[int, int]) -> Views:
        """Return the views of image `row` in epoch `epoch`: ``crops[epoch, row]``."""
        epoch, row = place
        recipe = self._recipe
        random = np.random.default_rng([recipe.seed, 1, epoch, row])
        image = torch.from_numpy(np.array(self._pixels[row])).permute(2, 0, 1)
        views = {}
        for name, count, size, scale in (
            ("global", GLOBAL_CROPS, recipe.global_size, _scale(recipe, "global")),
            ("local", recipe.local_crops, recipe.local_size, _scale(recipe, "local")),
        ):
            if count:
                crops = [_view(image, size, scale, recipe, random) for _ in range(count)]
                views[name] = torch.stack(crops)
                views[f"{name}_colours"] = draw_colours(count, recipe, random)
        return views


def collate(items: list[Views]) -> Views:
    """Return a batch: views first, then images."""
    return {name: torch.stack([item[name] for item in items], dim=1) for name in items[0]}


def _scale(recipe: Recipe, name: str) -> tuple[float, float]:
    return getattr(recipe, f"{name}_scale_low"), getattr(recipe, f"{name}_scale_high")


def _view(
    image: Tensor,
    size: int,
    scale: tuple[float, float],
    recipe: Recipe,
    random: np.random.Generator,
) -> Tensor:
    top, left, height, width = crop_box(image.shape[-1], scale, random)
    view = functional.resized_crop(
        image,
        top,
        left,
        height,
        width,
        [size, size],
        interpolation=functional.InterpolationMode.BICUBIC,
        antialias=True,
    )
    mirrored, upside_down = random.random(2) < 0.5
    turns = int(random.integers(4))
    dims = [2] * (recipe.horizontal_flip and bool(mirrored))
    dims += [1] * (recipe.vertical_flip and bool(upside_down))
    if dims:
        view = view.flip(dims)
    if recipe.quarter_turns and turns:
        view = view.rot90(turns, (1, 2))
    result: Tensor = view.contiguous()
    return result


def crop_box(
    side: int, scale: tuple[float, float], random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a crop of a square image.

    Its area is uniform in `scale`, the logarithm of its aspect ratio uniform in 3/4 to 4/3, as
    in torchvision's RandomResizedCrop; what does not fit is cut to the image.
    """
    area = random.uniform(*scale) * side * side
    ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
    width = min(side, max(1, round(math.sqrt(area * ratio))))
    height = min(side, max(1, round(math.sqrt(area / ratio))))
    top = int(random.integers(side - height + 1))
    left = int(random.integers(side - width + 1))
    return top, left, height, width


def coloured_views(batch: Views, part: int, parts: int, device: torch.device) -> list[Tensor]:
    """Return the coloured crops of a part of the batch: [globals, locals], views first."""
    views = []
    for name in ("global", "local"):
        if name in batch:
            crops, colours = (batch[key].chunk(parts, 1)[part] for key in (name, f"{name}_colours"))
            pixels = crops.flatten(0, 1).to(device, non_blocking=True)
            moved = coloured(pixels, colours.flatten(0, 1))
            views.append(moved.contiguous(memory_format=torch.channels_last))
    return views


def by_view(outputs: Tensor, images: int) -> Tensor:
    """Return (views x B, K) outputs for B images as (views, B, K), in float32."""
    result: Tensor = outputs.float().unflatten(0, (-1, images))
    return result
