"""The projection head that a starting point brings along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain._checkpoints import path_of
from fewshot_lab.pretrain._metrics import all_steps
from fewshot_lab.pretrain._recipe import Recipe

# Ours on the left, as Meta's code names them on the right.
_META = {
    f"mlp.{layer}.{part}": f"mlp.{layer}.{part}"
    for layer in (0, 2, 4)
    for part in ("weight", "bias")
}
_DIRECTIONS = "last_layer.weight_v"


def head_of(recipe: Recipe) -> dict[str, Tensor] | None:
    """Return the weights of the teacher's head that comes with a recipe's start.

    Meta's full DINO checkpoints and the user's earlier runs have one; ImageNet's weights and
    backbone-only files have none.

    Returns
    -------
    dict or None
        Of :class:`fewshot_lab.pretrain._head.Head`; None where there is none, or none of the
        recipe's sizes.
    """
    if recipe.start in ("imagenet", "scratch"):
        return None
    found = _of_run(recipe) if recipe.start.startswith("run:") else _of_file(recipe.start)
    if found is None:
        return None
    wanted = (recipe.prototypes, recipe.head_bottleneck)
    fits = found["prototypes"].shape == wanted and found["mlp.0.bias"].shape == (
        recipe.head_hidden,
    )
    return found if fits else None


def sizes_of(start: str) -> dict[str, int]:
    """Return the recipe's values that fit the head of a start; empty where it has none."""
    if start in ("imagenet", "scratch"):
        return {}
    found = _of_run(Recipe(start=start)) if start.startswith("run:") else _of_file(start)
    if found is None:
        return {}
    prototypes, bottleneck = found["prototypes"].shape
    return {
        "prototypes": prototypes,
        "head_bottleneck": bottleneck,
        "head_hidden": len(found["mlp.0.bias"]),
    }


def _of_run(recipe: Recipe) -> dict[str, Tensor] | None:
    folder = home() / RUNS / recipe.start.removeprefix("run:")
    for step in all_steps(folder):
        try:
            state = torch.load(path_of(folder, step), map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError):
            continue
        return _part(state["teacher"], "head.")
    return None


def _of_file(start: str) -> dict[str, Tensor] | None:
    import argparse

    path = Path(start.partition("::")[0]).expanduser()
    if not path.is_file() or path.suffix == ".safetensors":
        return None
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what cannot be read is told when the backbone is read
        return None
    teacher = content.get("teacher") if isinstance(content, Mapping) else None
    if not isinstance(teacher, Mapping):
        return None
    head = _part({key.removeprefix("module."): value for key, value in teacher.items()}, "head.")
    if head is None or _DIRECTIONS not in head or not set(_META.values()) <= set(head):
        return None
    found = {ours: head[theirs] for ours, theirs in _META.items()}
    # Their lengths are all 1 in DINO, so the directions are all there is.
    found["prototypes"] = functional.normalize(head[_DIRECTIONS].float(), dim=-1)
    return found


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor] | None:
    found = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return found or None
