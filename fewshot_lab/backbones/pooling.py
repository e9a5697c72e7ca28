"""From a network's tokens to one embedding, where the authors' recipe is not what timm does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Pooling = Literal["network", "cls+mean"]
"""``"network"``: as timm's network pools. ``"cls+mean"``: the class token beside the mean of the
patch tokens, both after the last norm; twice as long."""


def pooled(network: nn.Module, pooling: Pooling) -> nn.Module:
    """Return the network with its pooling."""
    if pooling == "network":
        return network
    from fewshot_lab.backbones.torch_module import ClassAndMean

    return ClassAndMean(network)


def with_pooling(architecture: str, pooling: Pooling) -> str:
    """Return what goes into a fingerprint for an architecture."""
    return architecture if pooling == "network" else f"{architecture} {pooling}"
