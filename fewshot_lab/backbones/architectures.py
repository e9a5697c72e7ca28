"""Finding out which timm architecture a checkpoint belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fewshot_lab.backbones.loading import adapt, differences
from fewshot_lab.backbones.networks import NETWORKS, register, skeleton
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import Tensor

_VIT_SIZES = {
    (192, 12): "tiny",
    (384, 12): "small",
    (768, 12): "base",
    (1024, 24): "large",
    (1536, 40): "giant",
}

_XCIT_SIZES = {
    (128, 12): "nano_12",
    (192, 12): "tiny_12",
    (192, 24): "tiny_24",
    (384, 12): "small_12",
    (384, 24): "small_24",
    (512, 24): "medium_24",
    (768, 24): "large_24",
}

# What people train on small sets, by a key that the family's first layer has.
_COMMON = {
    "conv_stem.weight": (
        *("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"),
        *("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "tf_efficientnetv2_s"),
        *("mobilenetv3_large_100", "mobilenetv3_small_100"),
    ),
    "layer1.0.conv1.weight": ("resnet18", "resnet34", "resnet50", "resnet101", "wide_resnet50_2"),
    "stages.0.blocks.0.conv_dw.weight": (
        *("convnext_nano", "convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
        "convnextv2_tiny",
    ),
    "downsample_layers.0.0.weight": ("convnext_tiny", "convnext_small", "convnext_base"),
    "features.conv0.weight": ("densenet121",),
    "layers.0.blocks.0.norm1.weight": (
        "swin_tiny_patch4_window7_224",
        "swin_small_patch4_window7_224",
    ),
    "dist_token": ("deit_tiny_distilled_patch16_224", "deit_small_distilled_patch16_224"),
    "blocks.0.gamma_1": (
        *("vit_small_patch16_dinov3", "vit_small_plus_patch16_dinov3", "vit_base_patch16_dinov3"),
    ),
}


def infer(tensors: dict[str, Tensor], name: str) -> str:
    """Return the timm architecture whose backbone these tensors fill exactly.

    Raises
    ------
    FewshotLabError
        If none of the candidates fits; the sentence says how to name one.
    """
    import timm

    register()
    for candidate in _candidates(tensors):
        if not timm.is_model(candidate):
            continue
        network = skeleton(candidate)
        try:
            misfits = differences(network, adapt(network, tensors))
        # A filter written for another family may stumble over these keys in any way.
        except Exception:
            continue
        # An unresized position embedding is no difference.
        if all(entry.startswith("pos_embed is ") for entry in misfits):
            return candidate
    raise FewshotLabError(
        f"{name} fits none of the usual architectures; add its timm architecture after two "
        f"colons, as in {name}::vit_small_patch16_224."
    )


def _candidates(tensors: dict[str, Tensor]) -> Iterator[str]:
    depth = 1 + max(
        (int(k.split(".")[1]) for k in tensors if k.startswith("blocks.") and k.count(".") > 1),
        default=-1,
    )
    if "patch_embed.proj.0.0.weight" in tensors and "cls_token" in tensors:
        stages = sum(
            1 for k in tensors if k.startswith("patch_embed.proj.") and k.endswith(".0.weight")
        )
        size = _XCIT_SIZES.get((tensors["cls_token"].shape[-1], depth))
        if size:
            yield f"xcit_{size}_p{2**stages}_224"
    patch = tensors.get("patch_embed.proj.weight")
    if patch is not None and patch.ndim == 4 and depth:
        size = _VIT_SIZES.get((patch.shape[0], depth))
        side = patch.shape[-1]
        if size and side == 14:
            yield f"vit_{size}_patch14_dinov2"
            yield f"vit_{size}_patch14_reg4_dinov2"
        elif size:
            yield f"vit_{size}_patch{side}_224"
            tokens = tensors.get("pos_embed")
            if tokens is not None and math.isqrt(tokens.shape[1] - 1) != 224 // side:
                yield f"vit_{size}_patch{side}_384"
        yield from NETWORKS
    for key, names in _COMMON.items():
        if key in tensors:
            yield from names
