"""The projection head that a starting point brings along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain.checkpoint_files import all_steps, path_of

# Ours on the left, as Meta's code names them on the right.
_META = {
    f"mlp.{layer}.{part}": f"mlp.{layer}.{part}"
    for layer in (0, 2, 4)
    for part in ("weight", "bias")
}
# Of old torch's weight_norm, which Meta's files have, and of today's.
_LENGTHS, _DIRECTIONS = (
    ("last_layer.weight_g", "last_layer.parametrizations.weight.original0"),
    ("last_layer.weight_v", "last_layer.parametrizations.weight.original1"),
)


@dataclass(frozen=True)
class Brought:
    """What comes with a starting point beside the backbone, of its teacher.

    Attributes
    ----------
    head : dict
        Weights of :class:`fewshot_lab.pretrain.head.Head`.
    centre : Tensor or None
        (K,), the centre of the teacher's outputs.
    """

    head: dict[str, Tensor]
    centre: Tensor | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """The values of a recipe that fit the head."""
        prototypes, bottleneck = self.head["prototypes"].shape
        return {
            "prototypes": prototypes,
            "head_bottleneck": bottleneck,
            "head_hidden": len(self.head["mlp.0.bias"]),
        }


def brought_by(start: str) -> Brought | None:
    """Return the teacher's head and centre that come with a start.

    Meta's full DINO checkpoints and the user's earlier runs have one; ImageNet's weights and
    backbone-only files have none.
    """
    if start in ("imagenet", "scratch"):
        return None
    return _of_run(start) if start.startswith("run:") else _of_file(start)


def _of_run(start: str) -> Brought | None:
    folder = home() / RUNS / start.removeprefix("run:")
    for step in all_steps(folder):
        try:
            state = torch.load(path_of(folder, step), map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError):
            continue
        return of_teacher(state)
    return None


def of_teacher(state: Mapping[str, Any]) -> Brought | None:
    """Return head and centre in a checkpoint of a run."""
    head = _part(state["teacher"], "head.")
    return None if head is None else Brought(head, state.get("centre"))


def _of_file(start: str) -> Brought | None:
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
    if head is None or not set(_META.values()) <= set(head):
        return None
    directions = next((head[name] for name in _DIRECTIONS if name in head), None)
    if directions is None:
        return None
    found = {ours: head[theirs] for ours, theirs in _META.items()}
    found["prototypes"] = functional.normalize(directions.float(), dim=-1)
    lengths = next((head[name].float().flatten() for name in _LENGTHS if name in head), None)
    if lengths is not None and not torch.allclose(lengths, torch.ones(())):
        found["lengths"] = lengths
    return Brought(found, _centre(content, len(directions)))


def _centre(content: Mapping[str, Any], prototypes: int) -> Tensor | None:
    loss = content.get("dino_loss")
    centre = loss.get("center") if isinstance(loss, Mapping) else None
    if not isinstance(centre, Tensor) or centre.numel() != prototypes:
        return None
    return centre.float().flatten()


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor] | None:
    found = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return found or None
