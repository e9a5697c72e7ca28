"""How many images fit into memory, and what to say where a batch does not."""

import gc
import sys
from pathlib import Path
from typing import Any

import torch

from fewshot_lab.pretrain.checkpoints import newest
from fewshot_lab.pretrain.noise_trial import NoiseTrial
from fewshot_lab.pretrain.recipe import Recipe


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is for want of memory, the GPU's or the machine's."""
    words = str(error)
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or "can't allocate memory" in words
        or "not enough memory" in words
    )


def images_that_fit(
    recipe: Recipe, device: torch.device, part: int, stored: dict[str, Any] | None = None
) -> int:
    """Return how many images at once fit into memory, by halving and trying; 0 if none do."""
    images = part
    while images := images // 2:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            trial = NoiseTrial(recipe, device, stored)
            trial.step(trial.views(images))
            return images
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
    return 0


def out_of_memory_sentence(
    recipe: Recipe, device: torch.device, part: int, folder: Path | None = None
) -> str:
    """Return a sentence for a batch that does not fit, with one that does.

    Parameters
    ----------
    recipe, device
    part
        Images at once, which are too many.
    folder
        The run's: what it started from may be gone, but for its checkpoints.
    """
    whose = "The GPU's memory" if device.type == "cuda" else "The memory"
    stored = newest(folder, recipe.to_dict()) if folder is not None else None
    fits = images_that_fit(recipe, device, part, stored)
    if not fits:
        return (
            f"{whose} is too small for this network at {recipe.global_size} px, even one image at "
            "a time: take smaller crops (--set global_size=...) or a smaller backbone."
        )
    batch = recipe.batch_size * fits // part
    return (
        f"{whose} is too small for {part} images at once; {fits} fit: take --batch-size {batch}, "
        f"or --set accumulate={recipe.accumulate * (part // fits)}, which keeps the batch of "
        f"{recipe.batch_size}. Nothing is lost."
    )


def peak_memory(device: torch.device) -> float:
    """Return the most that was in use so far, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
