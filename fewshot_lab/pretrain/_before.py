"""What would go wrong, said before a run starts."""

from __future__ import annotations

import difflib
from pathlib import Path

from fewshot_lab.backbones import cards, find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain._recipe import Recipe

_STARTS = ("imagenet", "scratch")


def check_recipe(
    recipe: Recipe, n_images: int, *, device: str = "cpu", nproc: int = 1, least_side: int = 0
) -> list[str]:
    """Check a recipe against the images and the machine.

    Parameters
    ----------
    recipe
    n_images
    device
        "cpu", "cuda" or "cuda:i".
    nproc
        Processes, each with an equal part of a batch.
    least_side
        The shorter side of the smallest image, in pixels; 0 if not known.

    Returns
    -------
    list of str
        What one should know, but what need not stop one.

    Raises
    ------
    FewshotLabError
        For what cannot work: too few images, an unknown backbone or start, sizes that do not fit
        the backbone, a GPU that is not there.
    """
    if n_images < recipe.batch_size:
        raise FewshotLabError(
            f"There are {n_images:,} images, fewer than a batch of {recipe.batch_size}: take "
            f"--batch-size {max(2, n_images // 2)}, or import more images."
        )
    if recipe.batch_size % (nproc * recipe.accumulate):
        raise FewshotLabError(
            f"A batch of {recipe.batch_size} cannot be shared equally by {nproc} processes"
            + (f" in {recipe.accumulate} parts each." if recipe.accumulate > 1 else ".")
        )
    _check_device(device, nproc)
    architecture = _check_backbone(recipe)
    _check_sizes(recipe, architecture)
    warnings = []
    if 0 < least_side < recipe.global_size * 0.6:
        warnings.append(
            f"The smallest images have {least_side} px, so that they are enlarged to crops of "
            f"{recipe.global_size} px: smaller crops would learn as much in less time."
        )
    if device == "cpu" and recipe.steps * recipe.batch_size * recipe.global_size**2 > 2e11:
        warnings.append("This will take days without a GPU.")
    return warnings


def _check_device(device: str, nproc: int) -> None:
    if device == "cpu":
        return
    import torch

    if not device.startswith("cuda"):
        raise FewshotLabError(f"There is no device {device!r}: take cpu or cuda.")
    if not torch.cuda.is_available():
        raise FewshotLabError(
            "A GPU was asked for, and this machine has none that torch can use: take --device "
            "cpu, or start on a machine with an NVIDIA GPU and its driver."
        )
    if nproc > torch.cuda.device_count():
        raise FewshotLabError(
            f"{nproc} processes need {nproc} GPUs, and this machine has "
            f"{torch.cuda.device_count()}."
        )


def _check_backbone(recipe: Recipe) -> str:
    import timm

    if recipe.start not in _STARTS:
        if not recipe.start.startswith("run:") and not _is_file(recipe.start):
            known = [card.name for card in cards()]
            if recipe.start not in known:
                close = difflib.get_close_matches(recipe.start, [*_STARTS, *known], n=2)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                raise FewshotLabError(
                    f"There is no start {recipe.start!r}{hint or ':'}"
                    + ("" if hint else " take imagenet, scratch, a checkpoint file or a run.")
                )
        found = find(recipe.start)
        usable, sentence = found.available()
        if not usable:
            raise FewshotLabError(sentence)
        return found.architecture
    if timm.is_model(recipe.backbone) and recipe.start == "scratch":
        return recipe.backbone
    name = f"timm:{recipe.backbone}" if timm.is_model(recipe.backbone) else recipe.backbone
    found = find(name)
    if recipe.start == "imagenet":
        usable, sentence = found.available()
        if not usable:
            raise FewshotLabError(sentence)
    return found.architecture


def _is_file(start: str) -> bool:
    return Path(start.partition("::")[0]).expanduser().is_file()


def _check_sizes(recipe: Recipe, architecture: str) -> None:
    import timm
    import torch

    with torch.device("meta"):
        network = timm.create_model(architecture, pretrained=False, num_classes=0)
    patches = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    step = patches[0] if isinstance(patches, tuple) else patches if patches else 1
    for name in ("global_size", "local_size"):
        size = getattr(recipe, name)
        if size % step:
            raise FewshotLabError(
                f"{name} is {size}, but {architecture} cuts images into patches of {step} px: "
                f"take {max(step, round(size / step) * step)}."
            )
