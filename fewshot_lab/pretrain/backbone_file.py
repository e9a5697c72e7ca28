"""What a run hands over: the teacher's backbone in timm's format, with its card."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import Preprocessing, find, must_be_accepted
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically, write_json
from fewshot_lab.pretrain import metrics as metrics
from fewshot_lab.pretrain.adapters import (
    ADAPTER,
    load_adapter,
    merged_state,
    read_adapter,
    write_adapter,
)
from fewshot_lab.pretrain.architecture import starting_weights
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
    preprocessing = start.preprocessing
    if preprocessing.resize == "squash" and free:
        preprocessing = dataclasses.replace(preprocessing, size=size)
    about: dict[str, Any] = {
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
    }
    write_backbone(
        path,
        merged_state(backbone),
        architecture=start.architecture,
        dimensions=int(backbone.num_features),  # type: ignore[arg-type]
        preprocessing=preprocessing,
        about={
            **about,
            "recipe": recipe.to_dict(),
            "data": {"images": len(data.images), "digest": digest[:16]},
            "step": str(step),
            "best": {"step": best["step"], "value": best["value"]},
            "curves": metrics.curves(path.parent),
        },
    )
    if path.name == BACKBONE:
        names = ("adapt", "adapt_rank", "backbone", "start")
        about |= {k: getattr(recipe, k) for k in names}
        about["preprocessing"] = preprocessing.to_dict()
        write_adapter(path.with_name(ADAPTER), backbone, about)


def merge_adapter(adapter: Path, out: Path, base: str | None = None) -> None:
    """Put a run's adapter into the weights it belongs to, and write them as a backbone.

    Parameters
    ----------
    adapter
        A run's ``adapter.safetensors``.
    out
        A new file.
    base
        Where those weights are now: a file, or a registered name; what the run started from if
        None.

    Raises
    ------
    FewshotLabError
        If the adapter cannot be read, its base is not here or another one, or `out` exists.
    """
    about, _ = read_adapter(adapter)
    if out.exists():
        raise FewshotLabError(f"{out} exists: name another file.")
    if base is None and about["start"] == "scratch":
        raise FewshotLabError(
            f"{adapter} was trained on random weights, which no file holds: take the run's "
            f"{BACKBONE}, which is merged."
        )
    try:
        start = starting_weights(about["backbone"], about["start"]) if base is None else find(base)
    except FewshotLabError as error:
        raise FewshotLabError(f"{error} --base says where the adapter's weights are now.") from None
    network = start.network()
    load_adapter(adapter, network)
    stored = about.get("preprocessing")  # older files say nothing
    texts = ("title", "source", "licence", "licence_class", "training")
    write_backbone(
        out,
        network.state_dict(),
        architecture=start.architecture,
        dimensions=int(network.num_features),  # type: ignore[arg-type]
        preprocessing=Preprocessing.from_dict(json.loads(stored))
        if stored
        else start.preprocessing,
        about={"title": out.stem} | {name: about[name] for name in texts if name in about},
    )
