"""Networks that published weights need and timm has no name for, under names of our own.

Each is one of timm's with some options changed, told to timm's own registry, so that whoever builds
networks by name builds these, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SWIGLU = "swiglu"
"""In a row's options: the gated feed-forward layer that DINOv2's largest network has."""

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    # Hibou (Nechaev et al. 2024): 2/3 of 4 d, rounded up to a multiple of 8, twice (value, gate).
    "vit_base_patch14_reg4_swiglu": (
        "vit_base_patch14_reg4_dinov2",
        {"mlp_ratio": 2 * 2048 / 768, SWIGLU: True},
    ),
    "vit_large_patch14_reg4_swiglu": (
        "vit_large_patch14_reg4_dinov2",
        {"mlp_ratio": 2 * 2736 / 1024, SWIGLU: True},
    ),
    # Phikon-v2 (Filiot et al. 2024)
    "vit_large_patch16_dinov2": ("vit_large_patch14_dinov2", {"patch_size": 16}),
    # Virchow (Vorontsov et al. 2024) and Virchow2 (Zimmermann et al. 2024)
    "vit_huge_patch14_swiglu": (
        "vit_huge_patch14_224",
        {"mlp_ratio": 5.3375, "init_values": 1e-5, SWIGLU: True},
    ),
    "vit_huge_patch14_reg4_swiglu": (
        "vit_huge_patch14_224",
        {"mlp_ratio": 5.3375, "init_values": 1e-5, "reg_tokens": 4, SWIGLU: True},
    ),
    # UNI2-h (Chen et al. 2024 and its successor)
    "vit_huge_patch14_reg8_swiglu": (
        "vit_giant_patch14_reg4_dinov2",
        {"depth": 24, "reg_tokens": 8},
    ),
}

default_cfgs: dict[str, dict[str, Any]] = {}  # where timm looks for it


def register(networks: Mapping[str, tuple[str, dict[str, Any]]] = NETWORKS) -> None:
    """Let timm know these networks; does nothing for those that it knows."""
    import timm

    for name, (base, options) in networks.items():
        if not timm.is_model(name):
            _register(name, base, options)


def skeleton(architecture: str) -> nn.Module:
    """Return a network of timm without its head, on the meta device, where nothing is allocated."""
    import timm
    import torch

    with torch.device("meta"):
        return timm.create_model(architecture, pretrained=False, num_classes=0)


def _register(name: str, base: str, options: Mapping[str, Any]) -> None:
    import timm
    from timm.layers import SwiGLUPacked
    from timm.models import model_entrypoint, register_model
    from torch import nn

    changed = {key: value for key, value in options.items() if key != SWIGLU}
    if options.get(SWIGLU):
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
