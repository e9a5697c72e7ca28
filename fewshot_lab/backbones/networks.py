"""Networks that published weights need and timm has no name for, under names of our own.

Each is one of timm's with some options changed, told to timm's own registry, so that whoever builds
networks by name builds these, too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

NETWORKS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
)
"""By our name: ``base``, which is timm's, and its options."""

default_cfgs: dict[str, dict[str, Any]] = {}  # where timm looks for it


def register(networks: Mapping[str, dict[str, Any]] = NETWORKS) -> None:
    """Let timm know these networks; does nothing for those that it knows."""
    import timm

    for name, options in networks.items():
        if not timm.is_model(name):
            _register(name, **options)


def skeleton(architecture: str) -> nn.Module:
    """Return a network of timm without its head, on the meta device, where nothing is allocated."""
    import timm
    import torch

    with torch.device("meta"):
        return timm.create_model(architecture, pretrained=False, num_classes=0)


def _register(name: str, base: str, *, swiglu: bool = False, **changed: Any) -> None:
    import timm
    from timm.layers import SwiGLUPacked
    from timm.models import model_entrypoint, register_model
    from torch import nn

    if swiglu:
        changed |= {"mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU}

    def make(pretrained: bool = False, **asked: Any) -> nn.Module:
        result: nn.Module = model_entrypoint(base)(pretrained, **{**changed, **asked})
        return result

    known = timm.get_pretrained_cfg(base)
    assert known is not None
    default_cfgs[name] = {
        "input_size": (3, 224, 224),
        "fixed_input_size": True,
        "num_classes": 0,
        "crop_pct": 1.0,
        "mean": known.mean,
        "std": known.std,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
    }
    make.__name__ = name
    register_model(make)
