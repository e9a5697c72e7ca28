"""What is said of a checkpoint, beside its tensors."""

import json
from pathlib import Path
from typing import Any

from fewshot_lab.backbones.timm_config import preprocessing_of
from fewshot_lab.errors import FewshotLabError


def metadata_of(path: Path) -> dict[str, Any]:
    """Return what is said of a checkpoint in its own header or in ``config.json`` beside it.

    Returns
    -------
    dict
        Some of ``architecture``, ``preprocessing`` (a dict), ``dimensions``, ``title``, ``source``,
        ``licence``, ``licence_class``, ``training``, ``note``, ``domain``, ``good_for``,
        ``leaks``.
    """
    metadata: dict[str, Any] = {}
    beside = path.with_name("config.json")
    if beside.is_file():
        metadata |= _hub_config(beside)
    if path.suffix == ".safetensors":
        metadata |= _safetensors_header(path)
    return metadata


_TEXTS = (
    *("architecture", "title", "source", "licence", "training", "note"),
    *("licence_class", "domain", "good_for", "leaks"),
)


def _safetensors_header(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < 100_000_000:
                return {}
            header = json.loads(file.read(length))
            values = header.get("__metadata__", {})
    except (OSError, ValueError, AttributeError):
        return {}
    metadata: dict[str, Any] = {key: values[key] for key in _TEXTS if key in values}
    if dimensions := _dimensions(header):
        metadata["dimensions"] = dimensions
    if "preprocessing" in values:
        try:
            metadata["preprocessing"] = json.loads(values["preprocessing"])
        except ValueError as error:
            raise FewshotLabError(f"{path.name}: its preprocessing is not JSON.") from error
    return metadata


def _dimensions(header: dict[str, Any]) -> int | None:
    """Tell the length of an embedding from a safetensors header, where it is said or plain.

    ViT and XCiT end in a norm of that name, EfficientNet in ``bn2`` behind ``conv_head``. Building
    the network would tell it of any, but loading timm for that takes seconds.
    """
    stated = header.get("__metadata__", {}).get("dimensions", "")
    if stated.isdecimal():
        return int(stated)
    last = "bn2.weight" if "conv_head.weight" in header else "norm.weight"
    shape = header.get(last, {}).get("shape")
    return int(shape[0]) if isinstance(shape, list) and len(shape) == 1 else None


def _hub_config(path: Path) -> dict[str, Any]:
    """Read the ``config.json`` that timm writes beside its weights."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        metadata = {"architecture": config["architecture"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    values = config.get("pretrained_cfg") or {}
    if {"input_size", "mean", "std"} <= values.keys():
        metadata["preprocessing"] = preprocessing_of(values).to_dict()
    if values.get("license"):
        metadata["licence"] = values["license"]
    return metadata
