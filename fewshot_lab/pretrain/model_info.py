"""What a recipe needs to know of a network before it is built in earnest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fewshot_lab.pretrain.architecture import create, stages

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Traits:
    """Facts about an architecture of timm.

    Attributes
    ----------
    patch : int
        Crops must be multiples of it, in pixels; 1 for convolutions.
    transformer : bool
    stages : int
        How many there are from the input on, stem included.
    parameters : int
    """

    patch: int
    transformer: bool
    stages: int
    parameters: int


@lru_cache(maxsize=32)
def traits_of(architecture: str) -> Traits:
    """Look at an architecture, without making its weights."""
    network = _unmade(architecture)
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    side = patch[0] if isinstance(patch, tuple) else patch if isinstance(patch, int) else 1
    return Traits(
        side,
        hasattr(network, "patch_embed") and hasattr(network, "blocks"),
        len(stages(network)),
        sum(p.numel() for p in network.parameters()),
    )


@lru_cache(maxsize=64)
def refuses(architecture: str, size: int) -> str:
    """Return why a network does not take crops of a size, or an empty text if it does."""
    import torch

    network = _unmade(architecture).eval()
    try:
        with torch.device("meta"), torch.no_grad():
            network(torch.empty(1, 3, size, size))
    # Whatever a network says of a size it was not made for.
    except Exception as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ""


def _unmade(architecture: str) -> nn.Module:
    import torch

    with torch.device("meta"):
        network: Any = create(architecture)
    return network
