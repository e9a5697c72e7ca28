"""Views of an image: crops, turned and coloured.

Every random number is drawn from (seed, epoch, image): the same step shows the same views after
a resume, and on however many processes.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from fewshot_lab.pretrain.colour import coloured, draw_colours
from fewshot_lab.pretrain.geometry import crop_batch, crop_one, draw_boxes, draw_warps
from fewshot_lab.pretrain.pixel_blocks import CachedPixels
from fewshot_lab.pretrain.recipe import Recipe

GLOBAL_CROPS = 2

Views = dict[str, Tensor]
"""``global_colours`` and ``local_colours``, and what they colour: crops, ``global`` (2, 3, G, G)
and ``local`` (L, 3, S, S), uint8; or, where the device is to crop, the whole image, ``pixels``
(1, s, s, 3), with ``global_boxes``, ``local_boxes`` and, where there are any, ``..._warps``."""


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
        pixels = torch.from_numpy(np.array(self._pixels[row]))
        image = pixels.permute(2, 0, 1)
        views = {"pixels": pixels[None]} if recipe.device_views else {}
        for name, count, size in _kinds(recipe):
            scale = getattr(recipe, f"{name}_scale_low"), getattr(recipe, f"{name}_scale_high")
            boxes = draw_boxes(count, len(pixels), scale, recipe, random)
            warps = draw_warps(count, recipe, random)
            if recipe.device_views:
                views[f"{name}_boxes"] = boxes
                if warps is not None:
                    views[f"{name}_warps"] = warps
            else:
                each = [None] * count if warps is None else warps
                crops = [crop_one(image, b, w, size) for b, w in zip(boxes, each, strict=True)]
                views[name] = torch.stack(crops)
            views[f"{name}_colours"] = draw_colours(name, count, recipe, random)
        return views


def rows_not_finite(crops: CropDataset, places: list[tuple[int, int]]) -> list[int]:
    """Return the rows of those (epoch, row) pairs whose views are not numbers."""
    return [
        place[1]
        for place in places
        if not all(bool(view.float().isfinite().all()) for view in crops[place].values())
    ]


def _kinds(recipe: Recipe) -> list[tuple[str, int, int]]:
    """Return name, number and size of the kinds of crops that a recipe has."""
    kinds = [
        ("global", GLOBAL_CROPS, recipe.global_size),
        ("local", recipe.local_crops, recipe.local_size),
    ]
    return [kind for kind in kinds if kind[1]]


def collate(items: list[Views]) -> Views:
    """Return a batch: views first, then images."""
    return {name: torch.stack([item[name] for item in items], dim=1) for name in items[0]}


def coloured_views(batch: Views, part: int, recipe: Recipe, device: torch.device) -> list[Tensor]:
    """Return the coloured crops of a part of the batch: [globals, locals], views first."""
    part_views = {key: value.chunk(recipe.accumulate, 1)[part] for key, value in batch.items()}
    crops = _cropped(part_views, recipe, device) if recipe.device_views else part_views
    views = []
    for name, _, _ in _kinds(recipe):
        pixels = crops[name].flatten(0, 1).to(device, non_blocking=True)
        sigma = recipe.blur_sigma if name == "global" else recipe.blur_sigma_local
        moved = coloured(pixels, part_views[f"{name}_colours"].flatten(0, 1), sigma)
        views.append(moved.contiguous(memory_format=torch.channels_last))
    return views


def _cropped(batch: Views, recipe: Recipe, device: torch.device) -> Views:
    """Return the crops of a batch whose images are whole, cut on the device."""
    there = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
    images = there["pixels"][0].permute(0, 3, 1, 2).float()
    crops = {}
    for name, count, size in _kinds(recipe):
        boxes, warps = there[f"{name}_boxes"], there.get(f"{name}_warps")
        # A view at a time: the matrices of all at once would fill a small GPU.
        each = [
            crop_batch(images, boxes[view], None if warps is None else warps[view], size)
            for view in range(count)
        ]
        crops[name] = torch.stack(each)
    return crops


def by_view(outputs: Tensor, images: int) -> Tensor:
    """Return (views x B, K) outputs for B images as (views, B, K), in float32."""
    result: Tensor = outputs.float().unflatten(0, (-1, images))
    return result
