"""From a batch of drawn crops to what the networks see."""

from __future__ import annotations

import torch
from torch import Tensor

from fewshot_lab.pretrain.colour import coloured
from fewshot_lab.pretrain.crops import Views
from fewshot_lab.pretrain.recipe import Recipe


def coloured_views(batch: Views, part: int, parts: int, device: torch.device) -> list[Tensor]:
    """Return the coloured crops of a part of the batch: [globals, locals], views first."""
    found = []
    for name in ("global", "local"):
        if name in batch:
            crops, colours = (batch[key].chunk(parts, 1)[part] for key in (name, f"{name}_colours"))
            pixels = crops.flatten(0, 1).to(device, non_blocking=True)
            moved = coloured(pixels, colours.flatten(0, 1))
            found.append(moved.contiguous(memory_format=torch.channels_last))
    return found


def by_view(outputs: Tensor, recipe: Recipe) -> Tensor:
    """Return (views x B, K) outputs as (views, B, K), in float32."""
    views = 2 + recipe.local_crops
    return outputs.float().view(views, -1, recipe.prototypes)
