"""Which network of timm a recipe trains, how it is built, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import SUFFIXES, cards, find, register_networks
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded
from fewshot_lab.pretrain.adapters import attention_blocks
from fewshot_lab.words import did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from fewshot_lab.backbones import Backbone

_STARTS = ("imagenet", "scratch")


def architecture_of(backbone: str, start: str) -> str:
    """Return timm's name of the network that a recipe trains.

    Raises
    ------
    FewshotLabError
        For an unknown backbone or start.
    """
    import timm

    if start in _STARTS:
        if start == "scratch" and timm.is_model(backbone):
            return backbone
        return find(registered(backbone)).architecture
    if not start.startswith("run:") and not _is_file(start):
        known = [card.name for card in cards()]
        if start not in known and not start.startswith("timm:"):
            otherwise = ": take imagenet, scratch, a checkpoint file or a run."
            hint = did_you_mean(start, [*_STARTS, *known], otherwise, cutoff=0.6)
            raise FewshotLabError(f"There is no start {start!r}{hint}")
    return find(start).architecture


def registered(backbone: str) -> str:
    """Return a backbone's name in the registry; timm's bare names count."""
    import timm

    return f"timm:{backbone}" if timm.is_model(backbone) else backbone


def starting_weights(backbone: str, start: str) -> Backbone:
    """Return the registered backbone whose weights a recipe starts from; not for scratch."""
    return find(registered(backbone) if start == "imagenet" else start)


def resize_of(backbone: str, start: str) -> str:
    """Return the filter by which the images of a start got their size."""
    if start == "scratch":
        return "bicubic"
    filter_name = starting_weights(backbone, start).preprocessing.interpolation
    return "nearest" if filter_name == "nearest" else "bicubic"


def _is_file(start: str) -> bool:
    path = expanded(start.partition("::")[0])
    return path.suffix.lower() in SUFFIXES or path.is_file()


def create(architecture: str, **options: Any) -> nn.Module:
    """Build a network of timm without a classifier, made to take crops of any size."""
    import timm

    register_networks()
    try:
        return timm.create_model(
            architecture, pretrained=False, num_classes=0, dynamic_img_size=True, **options
        )
    except TypeError:  # convolutions take any size and know no such option
        return timm.create_model(architecture, pretrained=False, num_classes=0, **options)


def stages(backbone: nn.Module) -> list[list[str]]:
    """Return the names of the parameters, stage by stage from the input; the stem is the first."""
    from timm.models import group_parameters

    matcher = getattr(backbone, "group_matcher", None)
    if matcher is None:
        return [[name for name, _ in backbone.named_parameters()]]
    grouped = group_parameters(backbone, matcher(coarse=True))
    return [grouped[key] for key in sorted(grouped)]


@dataclass(frozen=True)
class ModelInfo:
    """Facts about an architecture of timm.

    Attributes
    ----------
    patch : int
        Crops must be multiples of it, in pixels; 1 for convolutions.
    transformer : bool
    stages : int
        How many there are from the input on, stem included.
    parameters : int
    adaptable : bool
        Whether it has attention to which an adapter can be added.
    """

    patch: int
    transformer: bool
    stages: int
    parameters: int
    adaptable: bool


@lru_cache(maxsize=32)
def model_info(architecture: str) -> ModelInfo:
    """Look at an architecture, without making its weights."""
    network = _without_weights(architecture)
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    side = patch[0] if isinstance(patch, tuple) else patch if isinstance(patch, int) else 1
    return ModelInfo(
        side,
        hasattr(network, "patch_embed") and hasattr(network, "blocks"),
        len(stages(network)),
        sum(p.numel() for p in network.parameters()),
        bool(attention_blocks(network)),
    )


@lru_cache(maxsize=64)
def size_refusal(architecture: str, size: int) -> str:
    """Return why a network does not take crops of a size, or an empty text if it does."""
    import torch

    network = _without_weights(architecture).eval()
    try:
        with torch.device("meta"), torch.no_grad():
            network(torch.empty(1, 3, size, size))
    # Whatever a network says of a size it was not made for.
    except Exception as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ""


def _without_weights(architecture: str) -> nn.Module:
    import torch

    with torch.device("meta"):
        return create(architecture)
