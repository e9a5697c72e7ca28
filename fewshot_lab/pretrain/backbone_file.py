"""What a run hands over: the teacher's backbone in timm's format, with its card."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import Preprocessing, must_be_accepted
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically, write_json
from fewshot_lab.pretrain import metrics as metrics
from fewshot_lab.pretrain.adapters import ADAPTER, merged_state, write_adapter
from fewshot_lab.pretrain.checkpoints import newest_step
from fewshot_lab.pretrain.projection_head import BACKBONE
from fewshot_lab.pretrain.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fewshot_lab.pretrain.image_cache import DecodedImages
    from fewshot_lab.pretrain.multi_crop_network import StartingBackbone

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
    """Write a backbone that :func:`fewshot_lab.backbones.find` takes.

    The run's own, ``backbone.safetensors``, has its card beside it.

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
        if path.name == BACKBONE:
            write_json(path.with_name(CARD), card)
    except OSError as error:
        raise FewshotLabError(
            f"{path} could not be written ({error.strerror}): make room and resume the run; it "
            f"goes on from step {newest_step(path.parent):,}."
        ) from error


def write_teacher(
    path: Path,
    backbone: nn.Module,
    start: StartingBackbone,
    recipe: Recipe,
    data: DecodedImages,
    best: dict[str, Any],
    step: int,
) -> None:
    """Write the teacher's backbone as it is after a step, with all that can be said of it.

    Parameters
    ----------
    path
        In the run's folder.
    backbone
        The teacher's at that step.
    start, recipe, data
    best
        ``step`` and ``value`` of the best so far.
    step
    """
    size = recipe.decoded_size
    digest = hashlib.sha256("".join(sorted(image.id for image in data.images)).encode()).hexdigest()
    seen = step * recipe.batch_size
    name = path.parent.name
    # Position embeddings fix the size of what goes in.
    free = not any(name.endswith("pos_embed") for name, _ in backbone.named_parameters())
    write_backbone(
        path,
        merged_state(backbone),
        architecture=start.architecture,
        dimensions=int(backbone.num_features),  # type: ignore[arg-type]
        preprocessing=dataclasses.replace(start.preprocessing, size=size)
        if start.preprocessing.resize == "squash" and free
        else start.preprocessing,
        about={
            "title": f"{name}: {start.architecture} by DINO",
            "source": f"Fewshot Lab run {name}, step {step} of {recipe.steps}",
            "licence": "that of the images"
            + (f", and of the starting weights: {start.licence}" if start.licence else ""),
            # What the images allow is not known, so it is never more open than that.
            "licence_class": start.licence_class
            if must_be_accepted(start.licence_class) or start.licence_class == "share-alike"
            else "not stated",
            "training": (
                f"DINO without labels on {len(data.images):,} images, {seen:,} seen, "
                f"from {start.sentence}"
            ),
            "recipe": recipe.to_dict(),
            "data": {"images": len(data.images), "digest": digest[:16]},
            "step": str(step),
            "best": {"step": best["step"], "value": best["value"]},
            "curves": metrics.curves(path.parent),
        },
    )
    if path.name == BACKBONE:
        names = ("adapt", "adapt_rank", "backbone", "start")
        write_adapter(path.with_name(ADAPTER), backbone, {k: getattr(recipe, k) for k in names})
