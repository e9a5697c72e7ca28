"""Finding out which timm architecture a checkpoint belongs to."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones.loading import adapt, differences
from fewshot_lab.backbones.networks import NETWORKS, register, skeleton
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import Tensor

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_VIT_SIZES, _XCIT_SIZES = (
    {(width, depth): size for width, depth, size in _TABLES[kind]} for kind in ("vit", "xcit")
)


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
    for key, names in _TABLES["common"].items():
        if key in tensors:
            yield from names
