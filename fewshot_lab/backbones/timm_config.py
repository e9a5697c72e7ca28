"""How timm says that a model's pictures are prepared."""

from collections.abc import Mapping
from typing import Any

from fewshot_lab.backbones.preprocessing import Preprocessing


def preprocessing_of(config: Mapping[str, Any]) -> Preprocessing:
    """Return the preprocessing that a ``pretrained_cfg`` of timm describes."""
    crop = float(config.get("crop_pct") or 1.0)
    squash = crop >= 1 or config.get("crop_mode") == "squash"
    return Preprocessing.from_dict(
        {
            "size": config["input_size"][-1],
            "resize": "squash" if squash else "crop",
            "crop": 1.0 if squash else crop,
            "interpolation": "bilinear" if config.get("interpolation") == "bilinear" else "bicubic",
            "mean": config["mean"],
            "std": config["std"],
        }
    )
