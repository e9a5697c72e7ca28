"""DINO pretraining: a backbone learns from a project's unlabelled images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewshot_lab.pretrain._metrics import read_metrics
from fewshot_lab.pretrain._recipe import Recipe

if TYPE_CHECKING:
    from fewshot_lab.pretrain._ranks import ranks
    from fewshot_lab.pretrain._train import train

__all__ = ["Recipe", "ranks", "read_metrics", "train"]


def __getattr__(name: str) -> Any:
    """Bring in what needs torch when it is asked for: the terminal's help is to be quick."""
    from importlib import import_module

    homes = {"train": "_train", "ranks": "_ranks"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
