"""Reading checkpoint files of several authors into timm's networks, strictly.

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
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.backbones.layouts import to_timm
from fewshot_lab.backbones.networks import register
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import Tensor, nn

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")

# The order in which a file's parts are looked for: averaged weights before the raw ones.
_PARTS = ("teacher", "state_dict_ema", "model_ema", "state_dict", "model", "student")

_PATCH = "patch_embed.proj.weight"

_PREFIXES = ("module.", "_orig_mod.", "backbone.", "encoder.", "model.")

_HEAD = (
    "head",
    "fc.",
    "classifier.",
    "last_layer",
    "mlp.",
    "projector",
    "projection_head",
    "prototypes",
    "dino_head",
    "ibot_head",
    "mask_token",
)


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
    tensors = _only_tensors(content)
    if not tensors:
        raise FewshotLabError(f"{path.name} holds no tensors by name, so it is no checkpoint.")
    tensors, library = to_timm(tensors)
    if library:
        return Checkpoint(tensors, library, metadata)
    tensors, told_apart = _without_prefixes(tensors)
    if layout == "flat" and told_apart:
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
            raise FewshotLabError(f"{path.name} cannot be read: {_first_line(error)}") from error
    if not isinstance(content, Mapping):
        raise FewshotLabError(f"{path.name} holds no tensors by name, so it is no checkpoint.")
    return content


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _only_tensors(content: Mapping[str, Any]) -> dict[str, Tensor]:
    import torch

    return {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}


def _without_prefixes(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Strip wrappers' names from the keys; say whether ``backbone.`` marked some of them."""
    told_apart = False
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
                told_apart = told_apart or prefix == "backbone."
                tensors = {key.removeprefix(prefix): tensors[key] for key in marked}
            else:
                continue
            again = True
    return tensors, told_apart


def build(architecture: str, size: int) -> nn.Module:
    """Build a timm network without a classifier for a given input size.

    Raises
    ------
    FewshotLabError
        If timm does not know the architecture or it cannot take this size.
    """
    import timm

    register()
    if not timm.is_model(architecture):
        raise FewshotLabError(f"timm knows no architecture {architecture!r}.")
    check_size(architecture, size)
    fixed = timm.get_pretrained_cfg(architecture)
    try:
        if fixed is not None and fixed.fixed_input_size:
            return timm.create_model(architecture, pretrained=False, num_classes=0, img_size=size)
        return timm.create_model(architecture, pretrained=False, num_classes=0)
    except (AssertionError, TypeError, RuntimeError) as error:
        raise FewshotLabError(f"{architecture} cannot be built for {size} px: {error}") from error


def adapt(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename and resize a checkpoint's tensors to what a timm network expects.

    timm's own filter for the architecture does it: Meta's names for XCiT and DINOv2, and position
    embeddings interpolated where the input size differs.
    """
    module = sys.modules[type(network).__module__]
    adapted = getattr(module, "checkpoint_filter_fn", None)
    state = dict(tensors)
    own, theirs = network.state_dict().get(_PATCH), state.get(_PATCH)
    apart: dict[str, Tensor] = {}
    if own is not None and theirs is not None and theirs.ndim == 4 and theirs.shape != own.shape:
        # timm would resize patches, too, and so take one network for another.
        apart[_PATCH] = state.pop(_PATCH)
    if adapted is not None:
        state = adapted(state, network)
    return state | apart


def differences(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return what keeps tensors from fitting a network: missing, unexpected, or of other shape.

    Keys of a head are no difference.
    """
    own = network.state_dict()
    found = [f"{key} is missing" for key in own if key not in state and not _counter(key)]
    for key, value in state.items():
        if key not in own:
            if not key.startswith(_HEAD):
                found.append(f"{key} has no place")
        elif own[key].shape != value.shape:
            found.append(f"{key} is {tuple(value.shape)} instead of {tuple(own[key].shape)}")
    return found


def _counter(key: str) -> bool:
    # BatchNorm's step counter plays no part at inference, and some exports drop it.
    return key.endswith("num_batches_tracked")


def load_strictly(network: nn.Module, tensors: dict[str, Tensor], name: str) -> nn.Module:
    """Load a checkpoint; every tensor of the backbone must be there and fit.

    Raises
    ------
    FewshotLabError
        If one is missing, has no place or another shape.
    """
    try:
        state = adapt(network, tensors)
    # A filter written for this network may stumble over another's tensors in any way.
    except Exception as error:
        raise FewshotLabError(
            f"{name} does not fit {type(network).__name__}: it is of another network or layout."
        ) from error
    if found := differences(network, state):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise FewshotLabError(f"{name} does not fit {type(network).__name__}: {found[0]}{more}.")
    own = network.state_dict()
    network.load_state_dict({k: state[k].to(own[k].dtype) for k in own if k in state}, strict=False)
    return network.eval()


def metadata_of(path: Path) -> dict[str, Any]:
    """Return what is said about a checkpoint in its own header or in ``config.json`` beside it.

    Returns
    -------
    dict
        Some of ``architecture``, ``preprocessing`` (a dict), ``dimensions``, ``title``, ``source``,
        ``licence``, ``licence_class``, ``training``, ``note``, ``domain``, ``good_for``,
        ``leaks``.
    """
    said: dict[str, Any] = {}
    beside = path.with_name("config.json")
    if beside.is_file():
        said |= _hub_config(beside)
    if path.suffix == ".safetensors":
        said |= _header(path)
    return said


_OPTIONAL = ("licence_class", "domain", "good_for", "leaks")


def _header(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < 100_000_000:
                return {}
            header = json.loads(file.read(length))
            metadata = header.get("__metadata__", {})
    except (OSError, ValueError, AttributeError):
        return {}
    known = ("architecture", "title", "source", "licence", "training", "note", *_OPTIONAL)
    said: dict[str, Any] = {key: metadata[key] for key in known if key in metadata}
    if dimensions := _dimensions(header):
        said["dimensions"] = dimensions
    if "preprocessing" in metadata:
        try:
            said["preprocessing"] = json.loads(metadata["preprocessing"])
        except ValueError as error:
            raise FewshotLabError(f"{path.name}: its preprocessing is not JSON.") from error
    return said


def _dimensions(header: dict[str, Any]) -> int | None:
    """Tell the length of an embedding from a safetensors header, where it is said or plain.

    ViT and XCiT end in a norm of that name, EfficientNet in ``bn2`` behind ``conv_head``. Building
    the network would tell it of any, but loading timm for that takes seconds.
    """
    said = header.get("__metadata__", {}).get("dimensions", "")
    if said.isdecimal():
        return int(said)
    last = "bn2.weight" if "conv_head.weight" in header else "norm.weight"
    shape = header.get(last, {}).get("shape")
    return int(shape[0]) if isinstance(shape, list) and len(shape) == 1 else None


def _hub_config(path: Path) -> dict[str, Any]:
    """Read the ``config.json`` that timm writes beside its weights."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        said = {"architecture": config["architecture"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    values = config.get("pretrained_cfg") or {}
    if {"input_size", "mean", "std"} <= values.keys():
        crop = float(values.get("crop_pct") or 1.0)
        squash = crop >= 1 or values.get("crop_mode") == "squash"
        bilinear = values.get("interpolation") == "bilinear"
        said["preprocessing"] = {
            "size": values["input_size"][-1],
            "resize": "squash" if squash else "crop",
            "crop": 1.0 if squash else crop,
            "interpolation": "bilinear" if bilinear else "bicubic",
            "mean": values["mean"],
            "std": values["std"],
        }
    if values.get("license"):
        said["licence"] = values["license"]
    return said
