"""Other libraries' names of a network's tensors, turned into those that timm's networks have.

- Hugging Face's ``Dinov2Model``, with and without registers, with either feed-forward layer, bare
  or inside a model with a classifier.
- OpenCLIP's models with an image tower of timm: the tower alone is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_TOWER = "visual.trunk."
_CLS = "embeddings.cls_token"
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_OUTSIDE = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
_INSIDE = {
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.weights_in": "mlp.fc1",
    "mlp.weights_out": "mlp.fc2",
}
_ATTENTION = re.compile(r"attention\.attention\.(query|key|value)\.(weight|bias)")


def to_timm(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Rename a network's tensors.

    Returns
    -------
    dict, str
        The tensors under timm's names, and the layout that was met: ``"huggingface"``,
        ``"openclip"``, or ``""`` where nothing had to be done.
    """
    tower = {key.removeprefix(_TOWER): t for key, t in tensors.items() if key.startswith(_TOWER)}
    if tower:
        return tower, "openclip"
    start = next((key for key in tensors if key.endswith(_CLS)), None)
    if start is None:
        return tensors, ""
    prefix = start.removesuffix(_CLS)
    # What stands outside is a head.
    inside = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
    return _from_huggingface(inside), "huggingface"


def _from_huggingface(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    import torch

    renamed: dict[str, Tensor] = {}
    projections: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        layer = _LAYER.fullmatch(key)
        if layer is None:
            if key != "embeddings.mask_token":  # of use in pretraining alone
                renamed[_OUTSIDE.get(key, key)] = tensor
        elif part := _ATTENTION.fullmatch(layer[2]):
            joined = projections.setdefault(f"blocks.{layer[1]}.attn.qkv.{part[2]}", {})
            joined[part[1]] = tensor
        else:
            name = layer[2]
            for theirs, ours in _INSIDE.items():
                name = name.replace(theirs, ours)
            renamed[f"blocks.{layer[1]}.{name}"] = tensor
    for key, parts in projections.items():
        # One that is missing is told by the shape of the rest.
        renamed[key] = torch.cat([parts[p] for p in ("query", "key", "value") if p in parts])
    if {"reg_token", "cls_token", "pos_embed"} <= renamed.keys():
        # timm's networks with registers add positions to the patches alone.
        renamed["cls_token"] = renamed["cls_token"] + renamed["pos_embed"][:, :1]
        renamed["pos_embed"] = renamed["pos_embed"][:, 1:]
    return renamed
