"""DINO's projection head: new, or the one that a starting point brings along."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewshot_lab.files import expanded, write_atomically
from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain.checkpoints import stored_checkpoints

BACKBONE = "backbone.safetensors"
HEAD = "head.safetensors"
"""In a run's folder: the teacher's backbone that it hands over, and the head of the same step."""

_LAYERS = [f"mlp.{layer}.{part}" for layer in (0, 2, 4) for part in ("weight", "bias")]
# Of old torch's weight_norm, which Meta's files have, and of today's.
_LENGTHS, _DIRECTIONS = (
    ("last_layer.weight_g", "last_layer.parametrizations.weight.original0"),
    ("last_layer.weight_v", "last_layer.parametrizations.weight.original1"),
)


class ProjectionHead(nn.Module):
    """Three layers to a bottleneck of unit length, then prototypes of unit length.

    As in Caron et al. 2021, appendix C: GELU between the layers, no BatchNorm, a weight-normalised
    last layer without bias whose lengths stay 1, so that an output is the cosine to a prototype.
    Where a head is brought whose lengths were learnt (``norm_last_layer=False`` in Meta's code),
    they are kept as they are.

    Parameters
    ----------
    width
        Of the backbone's embedding.
    hidden, bottleneck, prototypes
        See :class:`fewshot_lab.pretrain.Recipe`.
    """

    lengths: Tensor | None

    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        # Directions alone: their lengths do not count, so no second parameter holds them.
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)
        self.register_buffer("lengths", None)

    def take_over(self, state: Mapping[str, Tensor]) -> None:
        """Take over another head's weights, with ``lengths`` of (prototypes,) where it has some."""
        self.register_buffer("lengths", state.get("lengths"))
        self.load_state_dict(state)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (B, prototypes) cosines of (B, width) embeddings."""
        x = functional.normalize(self.mlp(embedding), dim=-1)
        cosines = x @ functional.normalize(self.prototypes, dim=-1).t()
        return cosines if self.lengths is None else cosines * self.lengths


@dataclass(frozen=True)
class PretrainedHead:
    """The head of a teacher that a starting point brings beside the backbone.

    Attributes
    ----------
    weights : dict
        Of a :class:`ProjectionHead`.
    centre : Tensor or None
        (K,), the centre of the teacher's outputs.
    """

    weights: dict[str, Tensor]
    centre: Tensor | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """The values of a recipe that fit the head."""
        prototypes, bottleneck = self.weights["prototypes"].shape
        return {
            "prototypes": prototypes,
            "head_bottleneck": bottleneck,
            "head_hidden": len(self.weights["mlp.0.bias"]),
        }


def pretrained_head(start: str) -> PretrainedHead | None:
    """Return the teacher's head and centre that come with a start, None where there are none.

    Meta's full DINO checkpoints and the user's earlier runs have one; ImageNet's weights and
    backbone-only files have none.
    """
    if start in ("imagenet", "scratch"):
        return None
    return _of_run(start) if start.startswith("run:") else _of_file(start)


def _of_run(start: str) -> PretrainedHead | None:
    """Return the head of the very step whose backbone a run hands over."""
    folder = home() / RUNS / start.removeprefix("run:")
    step = _step_of(folder / BACKBONE)
    if step is not None and _step_of(folder / HEAD) == step:
        from safetensors.torch import load_file

        weights = load_file(folder / HEAD)
        centre = weights.pop("centre")
        return PretrainedHead(weights, centre)
    # A run of before kept no head beside its backbone; perhaps a checkpoint of that step is left.
    states = (state for at, state in stored_checkpoints(folder) if at == step)
    state = next(states, None)
    return None if state is None else teacher_head(state)


def _step_of(path: Path) -> int | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return int((file.metadata() or {})["step"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def write_head(path: Path, teacher: Mapping[str, Tensor], centre: Tensor, step: int) -> None:
    """Write a teacher's head and centre, for runs that start from this one."""
    from safetensors.torch import save

    tensors = {**(_part(teacher, "head.") or {}), "centre": centre}
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(kept, {"step": str(step)}))


def teacher_head(state: Mapping[str, Any]) -> PretrainedHead | None:
    """Return head and centre in a checkpoint of a run."""
    head = _part(state["teacher"], "head.")
    return None if head is None else PretrainedHead(head, state.get("centre"))


def _of_file(start: str) -> PretrainedHead | None:
    import argparse

    path = expanded(start.partition("::")[0])
    if not path.is_file() or path.suffix == ".safetensors":
        return None
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # the sentence comes when the backbone is read
        return None
    teacher = content.get("teacher") if isinstance(content, Mapping) else None
    if not isinstance(teacher, Mapping):
        return None
    head = _part({key.removeprefix("module."): value for key, value in teacher.items()}, "head.")
    if head is None or not set(_LAYERS) <= set(head):
        return None
    directions = next((head[name] for name in _DIRECTIONS if name in head), None)
    if directions is None:
        return None
    weights = {name: head[name] for name in _LAYERS}
    weights["prototypes"] = functional.normalize(directions.float(), dim=-1)
    lengths = next((head[name].float().flatten() for name in _LENGTHS if name in head), None)
    if lengths is not None and not torch.allclose(lengths, torch.ones(())):
        weights["lengths"] = lengths
    return PretrainedHead(weights, _centre(content, len(directions)))


def _centre(content: Mapping[str, Any], prototypes: int) -> Tensor | None:
    loss = content.get("dino_loss")
    centre = loss.get("center") if isinstance(loss, Mapping) else None
    if not isinstance(centre, Tensor) or centre.numel() != prototypes:
        return None
    return centre.float().flatten()


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor] | None:
    part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return part or None
