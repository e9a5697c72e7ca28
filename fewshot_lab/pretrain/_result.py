"""What a run hands over: the teacher's backbone in timm's format, with its card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

BACKBONE = "backbone.safetensors"
LAST = "last.safetensors"
CARD = "card.json"


def write_backbone(
    path: Path,
    state: dict[str, Tensor],
    *,
    architecture: str,
    dimensions: int,
    preprocessing: Preprocessing,
    about: dict[str, Any],
) -> None:
    """Write a backbone that :func:`fewshot_lab.backbones.find` takes, and its card beside it.

    Parameters
    ----------
    state
        timm's keys.
    dimensions
        Length of one embedding.
    about
        ``title``, ``source``, ``licence``, ``training`` (texts), and anything JSON can hold
        (``recipe``, ``data``, ``curves``, ...), which goes into the card, too.

    Raises
    ------
    FewshotLabError
        If it cannot be written; the file that was there stays.
    """
    from safetensors.torch import save

    metadata = {
        "format": "pt",
        "architecture": architecture,
        "preprocessing": json.dumps(dataclasses.asdict(preprocessing)),
        "dimensions": str(dimensions),
    }
    metadata |= {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items()}
    data = save({k: v.detach().cpu().contiguous() for k, v in state.items()}, metadata)
    card = {
        "architecture": architecture,
        "dimensions": dimensions,
        "preprocessing": dataclasses.asdict(preprocessing),
        **about,
    }
    try:
        write_atomically(path, data)
        text = json.dumps(card, indent=1, ensure_ascii=False)
        write_atomically(path.with_name(CARD), text.encode())
    except OSError as error:
        raise FewshotLabError(f"{path} could not be written: {error.strerror}.") from error
