"""What would go wrong, said before a run starts."""

import os
import shutil

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.adapters import no_attention
from fewshot_lab.pretrain.architecture import (
    architecture_of,
    model_info,
    size_refusal,
    starting_weights,
)
from fewshot_lab.pretrain.recipe import Recipe


def check_recipe(
    recipe: Recipe, n_images: int, *, device: str = "cpu", nproc: int = 1, median_side: int = 0
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
    median_side
        The shorter side that half of the images do not exceed, in pixels; 0 if not known.

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
    check_shares(recipe, nproc)
    _check_device(device, nproc)
    architecture = architecture_of(recipe.backbone, recipe.start)
    if recipe.start != "scratch":
        usable, sentence = starting_weights(recipe.backbone, recipe.start).available()
        if not usable:
            raise FewshotLabError(sentence)
    _check_sizes(recipe, architecture)
    if recipe.adapt != "none" and not model_info(architecture).adaptable:
        raise FewshotLabError(f"{architecture}: {no_attention(recipe.adapt)}")
    warnings = []
    if 0 < median_side < recipe.global_size * 0.6:
        warnings.append(
            f"Half of the images have {median_side} px a side or fewer and are enlarged to crops "
            f"of {recipe.global_size} px: smaller crops (global_size, local_size) would learn as "
            "much in less time."
        )
    if recipe.compile and not has_compiler():
        warnings.append(
            "There is no compiler here (gcc or clang), so nothing is compiled: it will be slower."
        )
    if device == "cpu" and recipe.steps * recipe.batch_size * recipe.global_size**2 > 2e11:
        warnings.append("This will take days without a GPU.")
    return warnings


def has_compiler() -> bool:
    """Return whether there is a compiler of C, without which torch.compile cannot work."""
    names = (os.environ.get("CXX"), os.environ.get("CC"), "g++", "gcc", "clang++", "clang", "cc")
    return any(shutil.which(name) for name in names if name)


def check_shares(recipe: Recipe, nproc: int) -> None:
    """Raise FewshotLabError for a batch that so many processes cannot share equally."""
    shares = nproc * recipe.accumulate
    if recipe.batch_size % shares:
        below, above = (recipe.batch_size // shares + more for more in (0, 1))
        fits = " or ".join(str(times * shares) for times in (below, above) if times)
        raise FewshotLabError(
            f"A batch of {recipe.batch_size} cannot be shared equally by {nproc} processes"
            + (f" in {recipe.accumulate} parts each" if recipe.accumulate > 1 else "")
            + f": take --batch-size {fits}."
        )


def _check_device(device: str, nproc: int) -> None:
    if device == "cpu":
        return
    from fewshot_lab.pretrain.distributed import count_gpus

    if not device.startswith("cuda"):
        raise FewshotLabError(f"There is no device {device!r}: take cpu or cuda.")
    if nproc > (gpus := count_gpus()):
        raise FewshotLabError(f"{nproc} processes need {nproc} GPUs, and this machine has {gpus}.")


def _check_sizes(recipe: Recipe, architecture: str) -> None:
    step = model_info(architecture).patch
    for name in ("global_size", "local_size"):
        size = getattr(recipe, name)
        if name == "local_size" and not recipe.local_crops:
            continue
        if size % step:
            raise FewshotLabError(
                f"{name} is {size}, but {architecture} cuts images into patches of {step} px: "
                f"take {max(step, round(size / step) * step)}."
            )
        if reason := size_refusal(architecture, size):
            raise FewshotLabError(
                f"{name} is {size}, which {architecture} does not take ({reason}): take a network "
                "that works at any size, such as a ViT, an XCiT or one of convolutions."
            )
