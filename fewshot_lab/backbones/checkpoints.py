"""Reading the checkpoint files of several authors.

Layouts understood, tensors only (nothing in a file is ever executed):

- Meta's DINO, full: ``{"student": ..., "teacher": ..., "args": ...}`` with ``module.`` and
  ``backbone.`` in front of the keys; the teacher is taken (Caron et al. 2021 evaluate it).
- Meta's DINO, backbone only, ViT and XCiT.
- Nielsen et al. 2023: a flat state dict with ``backbone.`` in front of the backbone's keys.
- Meta's DINOv2, with and without registers, backbone only or the teacher of a run.
- Hugging Face's ``Dinov2Model`` and OpenCLIP's models with an image tower of timm
  (:mod:`fewshot_lab.backbones.layouts`).
- timm's own, as ``.pth`` or ``.safetensors``, bare or under ``state_dict`` or ``model``.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones.layouts import to_timm
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")

# The order in which a file's parts are looked for: averaged weights before the raw ones.
_PARTS = ("teacher", "state_dict_ema", "model_ema", "state_dict", "model", "student")

_PREFIXES = ("module.", "_orig_mod.", "backbone.", "encoder.", "model.")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes
    ----------
    tensors
        Backbone keys without any prefix, and perhaps a head's.
    layout
        ``"flat"``, ``"backbone."`` (a prefix told the backbone apart), the part that was taken
        (``"teacher"``, ``"student"``, ...), or another library's (``"huggingface"``,
        ``"openclip"``).
    metadata
        Text values a safetensors file carries.
    """

    tensors: dict[str, Tensor]
    layout: str
    metadata: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    FewshotLabError
        If the file is missing, is no checkpoint, or would need code to be run to be read.
    """
    import torch

    if not path.is_file():
        raise FewshotLabError(f"There is no file {path}.")
    content: Mapping[str, Any]
    metadata: dict[str, str] = {}
    if path.suffix == ".safetensors":
        content, metadata = _read_safetensors(path)
    else:
        content = _read_torch(path)
    layout = "flat"
    for part in _PARTS:
        if isinstance(content.get(part), Mapping):
            content, layout = content[part], part
            break
    tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if not tensors:
        raise FewshotLabError(f"{path.name} holds no named tensors, so it is not a checkpoint.")
    tensors, library = to_timm(tensors)
    if library:
        return Checkpoint(tensors, library, metadata)
    tensors, has_backbone_prefix = _without_prefixes(tensors)
    if layout == "flat" and has_backbone_prefix:
        layout = "backbone."
    return Checkpoint(tensors, layout, metadata)


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            content = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return content, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise FewshotLabError(f"{path.name} cannot be read as safetensors: {error}.") from error


def _read_torch(path: Path) -> Mapping[str, Any]:
    import torch

    # Meta's full checkpoints carry their command line; a Namespace is plain values.
    with torch.serialization.safe_globals([argparse.Namespace]):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise FewshotLabError(
                f"{path.name} is damaged, or holds more than tensors and plain values and could "
                "run code when opened; save its state dict alone, or as safetensors."
            ) from error
        except (EOFError, ValueError, LookupError) as error:
            # What the unpickler stumbles over in a file of another kind says nothing to anybody.
            raise FewshotLabError(f"{path.name} is damaged, or no checkpoint of torch.") from error
        except (RuntimeError, OSError) as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise FewshotLabError(f"{path.name} cannot be read: {reason}") from error
    if not isinstance(content, Mapping):
        raise FewshotLabError(f"{path.name} holds no named tensors, so it is not a checkpoint.")
    return content


def _without_prefixes(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Strip wrappers' names from the keys; say whether ``backbone.`` marked some of them."""
    has_backbone_prefix = False
    again = True
    while again:
        again = False
        for prefix in _PREFIXES:
            marked = [key for key in tensors if key.startswith(prefix)]
            if not marked:
                continue
            whole = len(marked) == len(tensors)
            if prefix in ("module.", "_orig_mod."):
                tensors = {key.removeprefix(prefix): v for key, v in tensors.items()}
            elif prefix == "backbone." or whole:
                # What lacks the mark is the head.
                has_backbone_prefix = has_backbone_prefix or prefix == "backbone."
                tensors = {key.removeprefix(prefix): tensors[key] for key in marked}
            else:
                continue
            again = True
    return tensors, has_backbone_prefix
