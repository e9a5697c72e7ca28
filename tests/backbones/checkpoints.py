"""Checkpoints with random weights in the layouts that their authors publish."""

import argparse

import timm
import torch
from torch import Tensor, nn


def shaken(architecture: str, seed: int = 0, **options: object) -> nn.Module:
    """Return a timm network in which no two tensors are alike, BatchNorm's statistics included."""
    torch.manual_seed(seed)
    network = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    for key, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        else:
            value.add_(torch.randn_like(value) * 0.02)
    return network.eval()


def head() -> dict[str, Tensor]:
    """Return a small DINO head under Meta's names."""
    return {
        "head.mlp.0.weight": torch.randn(8, 384),
        "head.mlp.0.bias": torch.randn(8),
        "head.last_layer.weight_g": torch.ones(16, 1),
        "head.last_layer.weight_v": torch.randn(16, 8),
    }


def meta_xcit_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename timm's XCiT to the names of Meta's code: one qkv for class attention, pos_embeder."""
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith("pos_embed."):
            out[key.replace("pos_embed.", "pos_embeder.")] = value
        elif ".attn.q." in key and key.startswith("cls_attn_blocks"):
            parts = [state[key.replace(".attn.q.", f".attn.{c}.")] for c in "qkv"]
            out[key.replace(".attn.q.", ".attn.qkv.")] = torch.cat(parts)
        elif key.startswith("cls_attn_blocks") and (".attn.k." in key or ".attn.v." in key):
            continue
        else:
            out[key] = value
    return out


def full_checkpoint(backbone: dict[str, Tensor], student: dict[str, Tensor]) -> dict[str, object]:
    """Return what Meta's main_dino.py saves."""

    def wrapped(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        return {prefix + "backbone." + k: v for k, v in state.items()} | {
            prefix + k: v for k, v in head().items()
        }

    return {
        "student": wrapped(student, "module."),
        "teacher": wrapped(backbone, ""),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "epoch": 100,
        "args": argparse.Namespace(arch="vit_small", patch_size=16, out_dim=65536),
        "dino_loss": {"center": torch.zeros(1, 16)},
    }
