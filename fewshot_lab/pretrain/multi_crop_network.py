"""Student and teacher: a backbone that takes crops of several sizes, and a head."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from fewshot_lab.backbones import Preprocessing, find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.adapters import adapt
from fewshot_lab.pretrain.architecture import create, stages, starting_weights
from fewshot_lab.pretrain.projection_head import (
    PretrainedHead,
    ProjectionHead,
    pretrained_head,
    teacher_head,
)
from fewshot_lab.pretrain.recipe import Recipe

HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class StartingBackbone:
    """The backbone a run begins with.

    Attributes
    ----------
    network : nn.Module
        timm's, without a classifier: normalised (B, 3, h, w) to (B, d).
    architecture : str
        timm's name.
    preprocessing : Preprocessing
        That the result will have, too.
    sentence : str
        Where the weights come from.
    licence, licence_class : str
        Theirs; empty for random weights.
    head : PretrainedHead or None
        The head to go on with, where there is one.
    """

    network: nn.Module
    architecture: str
    preprocessing: Preprocessing
    sentence: str
    head: PretrainedHead | None = None
    licence: str = ""
    licence_class: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, beside the weights, to build the networks again."""
        return {
            "architecture": self.architecture,
            "options": _options(self.network),
            "preprocessing": self.preprocessing.to_dict(),
            "sentence": self.sentence,
            "licence": self.licence,
            "licence_class": self.licence_class,
        }


def starting_backbone(recipe: Recipe, stored: dict[str, Any] | None = None) -> StartingBackbone:
    """Build the backbone a recipe asks for, with the weights it starts from.

    Parameters
    ----------
    recipe
    stored
        The run's checkpoint, where it has one: then nothing else is needed, and the weights that
        the run once started from may be gone.

    Raises
    ------
    FewshotLabError
        For an unknown backbone or start, or weights that do not fit.
    """
    if stored is not None and "start" in stored:
        return _stored_backbone(stored)
    head = pretrained_head(recipe.start)
    if head is not None and any(getattr(recipe, k) != n for k, n in head.sizes.items()):
        head = None  # a head of other sizes than asked for: a new one learns
    if recipe.start == "scratch":
        architecture, preprocessing = _architecture(recipe)
        torch.manual_seed(recipe.seed)
        return StartingBackbone(
            create(architecture),
            architecture,
            _as_trained(preprocessing, recipe),
            "random weights",
            head,
        )
    known = starting_weights(recipe.backbone, recipe.start)
    return StartingBackbone(
        _any_size(known.network(), known.architecture),
        known.architecture,
        _as_trained(known.preprocessing, recipe),
        known.card.title,
        head,
        known.card.licence,
        known.card.licence_class,
    )


def _stored_backbone(stored: dict[str, Any]) -> StartingBackbone:
    """Return what a checkpoint's networks are built from; their weights are loaded after that."""
    facts = stored["start"]
    return StartingBackbone(
        create(facts["architecture"], **facts["options"]),
        facts["architecture"],
        Preprocessing.from_dict(facts["preprocessing"]),
        facts["sentence"],
        teacher_head(stored),
        facts.get("licence", ""),
        facts.get("licence_class", ""),
    )


def _architecture(recipe: Recipe) -> tuple[str, Preprocessing]:
    import timm

    if timm.is_model(recipe.backbone):
        size = max(recipe.decoded_size, recipe.global_size)
        return recipe.backbone, Preprocessing(size=size, resize="squash", mean=HALF, std=HALF)
    known = find(recipe.backbone)
    return known.architecture, known.preprocessing


def _as_trained(preprocessing: Preprocessing, recipe: Recipe) -> Preprocessing:
    """Return how images are to reach a backbone that this recipe trains."""
    if recipe.pixel_range == "-1 to 1":
        preprocessing = replace(preprocessing, mean=HALF, std=HALF)
    nearest = recipe.resize == "nearest"
    return replace(preprocessing, interpolation="nearest" if nearest else "bicubic")


def _any_size(network: nn.Module, architecture: str) -> nn.Module:
    """Return the network, made to take crops of any size."""
    fresh = create(architecture, **_options(network))
    fresh.load_state_dict(network.state_dict())
    return fresh


def _options(network: nn.Module) -> dict[str, Any]:
    """Return how a network like this one is asked for: position embeddings have a size."""
    if network.state_dict().get("pos_embed") is None or not hasattr(network, "patch_embed"):
        return {}
    return {"img_size": network.patch_embed.img_size}  # type: ignore[union-attr]


class MultiCropNetwork(nn.Module):
    """A backbone and a head, which take 0 to 1 crops; normalisation inside."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, head: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1), False)
        self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1), False)

    def embed(self, crops: Tensor) -> Tensor:
        """Return (B, d) embeddings of (B, 3, h, w) crops."""
        embedding: Tensor = self.backbone((crops - self.mean) / self.std)
        return embedding

    def forward(self, crops: list[Tensor]) -> Tensor:
        """Return the head's outputs for crops of one or more sizes, in order.

        Each size is one pass through the backbone; the head sees all at once.
        """
        embedded = torch.cat([self.embed(size).float() for size in crops])
        outputs: Tensor = self.head(embedded)
        return outputs


def student_and_teacher(
    recipe: Recipe, start: StartingBackbone
) -> tuple[MultiCropNetwork, MultiCropNetwork]:
    """Return the two, equal in every weight; the teacher takes no gradient and drops no path."""
    torch.manual_seed(recipe.seed + 1)
    width = int(start.network.num_features)  # type: ignore[arg-type]
    head = ProjectionHead(width, recipe.head_hidden, recipe.head_bottleneck, recipe.prototypes)
    if start.head is not None and start.head.weights["mlp.0.weight"].shape[1] == width:
        head.take_over(start.head.weights)
    if recipe.adapt != "none":
        adapt(start.network, recipe.adapt, recipe.adapt_rank)
    student = MultiCropNetwork(start.network, head, start.preprocessing)
    teacher = copy.deepcopy(student).requires_grad_(False)
    freeze_stages(student.backbone, recipe.frozen_stages)
    if recipe.drop_path:
        _drop_paths(student.backbone, recipe.drop_path)
    if recipe.gradient_checkpointing:
        if not hasattr(student.backbone, "set_grad_checkpointing"):
            raise FewshotLabError(f"{start.architecture} does not support gradient checkpointing.")
        student.backbone.set_grad_checkpointing(True)  # type: ignore[operator]
    if recipe.channels_last:
        student.to(memory_format=torch.channels_last)
        teacher.to(memory_format=torch.channels_last)
    return student, teacher


def freeze_stages(backbone: nn.Module, count: int) -> None:
    """Take the gradient from the first stages.

    Raises
    ------
    FewshotLabError
        If nothing would be left to learn.
    """
    if not count:
        return
    named = stages(backbone)
    if count >= len(named):
        raise FewshotLabError(
            f"frozen_stages is {count}, but this backbone has {len(named)} stages: at most "
            f"{len(named) - 1} can rest."
        )
    resting = {name for stage in named[:count] for name in stage}
    for name, parameter in backbone.named_parameters():
        if name in resting:
            parameter.requires_grad_(False)


def train_mode(network: MultiCropNetwork, frozen: set[str]) -> None:
    """Set train mode, but for the normalisation layers of frozen stages.

    Parameters
    ----------
    frozen
        Names of the backbone's parameters that rest: statistics that nothing adapts to would
        drift away from the weights after them.
    """
    network.train()
    for name, module in network.backbone.named_modules():
        own = [f"{name}.{key}" for key, _ in module.named_parameters(recurse=False)]
        if own and isinstance(module, nn.modules.batchnorm._BatchNorm) and frozen.issuperset(own):
            module.eval()


def _drop_paths(backbone: nn.Module, most: float) -> None:
    """Give the blocks a stochastic depth that grows with depth (Huang et al. 2016)."""
    from timm.layers import DropPath

    for name in ("drop_path", "drop_path1", "drop_path2"):
        blocks = [m for m in backbone.modules() if isinstance(getattr(m, name, None), nn.Module)]
        for depth, block in enumerate(blocks):
            rate = most * depth / max(1, len(blocks) - 1)
            setattr(block, name, DropPath(rate) if rate else nn.Identity())
