"""DINO pretraining: a backbone learns from a project's unlabelled images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewshot_lab.pretrain._choices import steps_for
from fewshot_lab.pretrain._likely import Likely, likely_modality
from fewshot_lab.pretrain._metrics import METRICS, read_health, read_metrics
from fewshot_lab.pretrain._presets import PRESETS
from fewshot_lab.pretrain._recipe import Advice, Recipe
from fewshot_lab.pretrain._steps import newest_step

if TYPE_CHECKING:
    from fewshot_lab.pretrain._before import check_recipe
    from fewshot_lab.pretrain._checkpoints import differences
    from fewshot_lab.pretrain._cost import Cost, estimate_cost, out_of_memory, too_large
    from fewshot_lab.pretrain._health import Health, effective_rank
    from fewshot_lab.pretrain._pictures import pictures_of
    from fewshot_lab.pretrain._ranks import ranks
    from fewshot_lab.pretrain._train import train

__all__ = [
    "METRICS",
    "PRESETS",
    "Advice",
    "Cost",
    "Health",
    "Likely",
    "Recipe",
    "check_recipe",
    "differences",
    "effective_rank",
    "estimate_cost",
    "likely_modality",
    "newest_step",
    "out_of_memory",
    "pictures_of",
    "ranks",
    "read_health",
    "read_metrics",
    "steps_for",
    "too_large",
    "train",
]

_HOMES = {
    "Cost": "_cost",
    "Health": "_health",
    "check_recipe": "_before",
    "differences": "_checkpoints",
    "effective_rank": "_health",
    "estimate_cost": "_cost",
    "out_of_memory": "_cost",
    "pictures_of": "_pictures",
    "ranks": "_ranks",
    "too_large": "_cost",
    "train": "_train",
}


def __getattr__(name: str) -> Any:
    """Bring in what needs torch when it is asked for: the terminal's help is to be quick."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
