"""A recipe from the size of the data, with a reason for each value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain._presets import preset
from fewshot_lab.pretrain._recipe import Recipe

_PROTOTYPES = ((20_000, 1024), (50_000, 2048), (100_000, 4096), (200_000, 16_384))
_LIGHTLY = "lightly-train's rule for data of this size"


@dataclass(frozen=True)
class Advice:
    """A recipe and why it is so.

    Attributes
    ----------
    recipe : Recipe
    reasons : dict
        A sentence for each value that was chosen.
    """

    recipe: Recipe
    reasons: dict[str, str]


def advise(
    n_images: int,
    backbone: str = "efficientnet-lite0-imagenet",
    start: str = "imagenet",
    modality: str | None = None,
    *,
    device: str = "cpu",
    epochs: float | None = None,
    **fixed: Any,
) -> Advice:
    """Return a recipe for a number of images.

    Parameters
    ----------
    n_images
    backbone, start
        See :class:`Recipe`.
    modality
        A key of the presets; stained microscopy if None.
    device
        "cpu" takes small crops and batches.
    epochs
        How often each image is seen, instead of a rule.
    fixed
        Values that are not to be chosen.

    Raises
    ------
    FewshotLabError
        For fewer than two images, an unknown modality or a value a recipe cannot take.
    """
    if n_images < 2:
        raise FewshotLabError(
            f"DINO needs images to learn from, and there {'is' if n_images == 1 else 'are'} "
            f"{n_images}: import more first."
        )
    on_gpu = device.startswith("cuda")
    scratch = start == "scratch"
    chosen: dict[str, Any] = {"backbone": backbone, "start": start}
    reasons = {
        "backbone": "As chosen: what is trained."
        if start in ("imagenet", "scratch")
        else "As the start.",
        "start": {
            "imagenet": "The backbone's own weights, which few images cannot replace.",
            "scratch": "As chosen; good weights get further with few images.",
        }.get(start, "As chosen: weights that know such images already, perhaps."),
    }

    def choose(name: str, value: Any, reason: str) -> Any:
        if name in fixed:
            value, reason = fixed[name], "As asked."
        chosen[name], reasons[name] = value, reason
        return value

    kind = modality or "stained microscopy"
    views = preset(kind)
    choose("modality", kind, "As chosen." if modality else "Not said: the one with safe colours.")
    for name, value in views.values.items():
        choose(name, value, views.reasons.get(name, f"Usual for {views.title.lower()}."))

    # Need timm and torch, which the terminal's help does not.
    from fewshot_lab.pretrain._before import architecture_of
    from fewshot_lab.pretrain._heads import sizes_of
    from fewshot_lab.pretrain._traits import traits_of

    network = traits_of(architecture_of(backbone, start))
    patches = "" if network.patch == 1 else f" In patches of {network.patch} px."
    choose(
        "global_size",
        _multiple(224 if on_gpu else 112, network.patch),
        ("The size of ImageNet's and DINO's training." if on_gpu else "What a CPU can train on.")
        + patches,
    )
    choose(
        "local_size",
        _multiple(96 if on_gpu else 56, network.patch),
        "About half of a global crop's side, as in DINO." + patches,
    )
    choose("local_crops", 6 if on_gpu else 4, "Each more costs time; beyond six little is gained.")
    choose("global_scale_low", 0.4, "DINO's.")
    choose("global_scale_high", 1.0, "DINO's: up to the whole image.")
    choose("local_scale_low", 0.1, "A local crop still shows a part one can recognise.")
    choose("local_scale_high", 0.4, "DINO's.")
    choose("cache_size", 0, "Images are kept as large as the crops need.")

    batch = int(
        choose(
            "batch_size",
            min(64 if not on_gpu else 128, _below(n_images)),
            "Usual on one GPU; the measured cost tells whether it fits."
            if on_gpu
            else "Small steps learn sooner on few images.",
        )
    )
    choose("accumulate", 1, "The batch goes through in one piece; more pieces save memory.")
    per_epoch = max(1.0, n_images / batch)
    passes = epochs or min(100.0, max(20.0, 400_000 / n_images if not on_gpu else 100.0))
    steps = int(
        choose(
            "steps",
            steps_for(passes, n_images, batch),
            f"{passes:.0f} passes over the images"
            + (" as asked." if epochs else ": small sets need many to settle."),
        )
    )

    head = sizes_of(start)
    if head:
        for name, value in head.items():
            choose(name, value, "The start brings a head of this size, which goes on learning.")
    else:
        choose("prototypes", _prototypes(n_images), f"{_LIGHTLY}.")
        choose("head_hidden", 2048, "DINO's.")
        choose("head_bottleneck", 256, "DINO's.")
    choose("student_temperature", 0.1, "DINO's.")
    temperature = _temperature(n_images)
    choose(
        "teacher_temperature",
        temperature,
        f"{_LIGHTLY} (.02 at 20,000 images to .07 at 1M), at least .03: colder, a few thousand "
        "images settle on few outputs.",
    )
    choose(
        "teacher_temperature_start",
        min(0.02, temperature),
        "Low at first: otherwise the loss does not leave ln(prototypes) on small sets.",
    )
    choose("teacher_temperature_warmup", round(0.1 * steps), "A tenth of the run.")
    choose("centre_momentum", 0.9, "DINO's.")
    choose("centring", True, "Without it the teacher comes to say the same of every image.")
    wanted = 1.0 if scratch else 2.0
    choose(
        "ema_start",
        round(min(0.9995, max(0.98, math.exp(math.log(0.5) / (wanted * per_epoch)))), 5),
        f"Half of the teacher is new after about {wanted:.0f} "
        f"epoch{'s' if wanted != 1 else ''} (0.5-2 from scratch, 2-8 from good weights).",
    )
    choose("ema_end", 1.0, "DINO's: at the end the teacher rests.")
    if scratch:
        rate, why = 5e-4 * batch / 256, "DINO's 5e-4 x batch / 256 from scratch."
    elif on_gpu or network.transformer:
        rate, why = 1e-4 * batch / 256, "1e-4 x batch / 256 from good weights."
    else:
        rate, why = 5e-4, "Few steps on a CPU: higher than DINO's, as measured on blood cells."
    choose("learning_rate", rate, why)
    even = (
        "As the backbone's, which is new, too." if scratch else "As the backbone's: it is not new."
    )
    choose(
        "head_learning_rate",
        rate if scratch or head else 4 * rate,
        even if scratch or head else "The head begins with random weights: faster.",
    )
    choose("final_learning_rate", min(1e-6, rate), "DINO's.")
    choose("warmup_steps", max(1, round(0.1 * steps)), "A tenth of the run, as in DINO.")
    choose("weight_decay", 0.04, "DINO's at its start.")
    choose(
        "final_weight_decay",
        0.4 if scratch else 0.04,
        "DINO's at its end." if scratch else "Constant, so that good weights stay near.",
    )
    choose("clip", 3.0, "DINO's: one odd batch cannot throw the weights off.")
    choose("frozen_last_layer_steps", round(min(per_epoch, 0.1 * steps)), "DINO: the first epoch.")
    if scratch:
        choose("head_only_steps", 0, "Nothing to protect.")
        choose("frozen_stages", 0, "All of it is to be learnt.")
    elif head:
        choose("head_only_steps", 0, "The head is not new.")
        choose("frozen_stages", 0, "Backbone and head already fit each other.")
    else:
        # ImageNet's weights on a CPU: the first stages rest instead, as measured on blood cells.
        taught = start == "imagenet" and "dino" not in backbone.lower()
        alone = on_gpu or network.transformer or not taught
        choose(
            "head_only_steps",
            min(500, steps // 10) if alone else 0,
            "The start has no head: a new one learns alone first, or its first gradients would "
            "spoil good weights (dinov2#204)."
            if alone
            else "The first stages rest instead.",
        )
        rest = not alone
        choose(
            "frozen_stages",
            min(4, network.stages // 2) if rest else 0,
            "The first stages see edges and colours, which ImageNet taught well; a third faster."
            if rest
            else "All of them are to learn.",
        )
    choose(
        "drop_path", 0.1 if network.transformer and on_gpu else 0.0, "For large transformers only."
    )
    choose("precision", "bf16" if on_gpu else "float32", "Twice as fast." if on_gpu else "Exact.")
    choose("gradient_checkpointing", False, "Slower; switch it on where memory is short.")
    choose("compile", on_gpu, "Faster after the first minute." if on_gpu else "Of use on a GPU.")
    choose("channels_last", True, "Faster for convolutions.")
    choose("workers", 8 if on_gpu else 1, "Processes that make views beside the training.")
    choose("check_steps", max(1, min(250, round(2 * per_epoch))), "Every two epochs.")
    choose("checkpoint_steps", max(1, min(100, round(per_epoch))), "A stop loses minutes at most.")
    choose("keep", 2, "Should the newest be damaged, one is left.")
    choose("log_steps", 10 if steps > 100 else 1, "For smooth curves, and trouble seen early.")
    choose("seed", 0, "The same run twice gives the same weights.")
    for name, value in fixed.items():
        chosen.setdefault(name, value)
        reasons.setdefault(name, "As asked.")
    return Advice(Recipe.from_dict(chosen), reasons)


def steps_for(epochs: float, n_images: int, batch: int) -> int:
    """Return the steps in which so many images are seen so often."""
    return max(1, round(epochs * max(1.0, n_images / batch)))


def _multiple(size: int, patch: int) -> int:
    """Return the multiple of the patch that is nearest to a size."""
    return max(1, round(size / patch)) * patch


def _below(n: int) -> int:
    """Return the greatest power of two up to n."""
    return 1 << max(1, n.bit_length() - 1)


def _prototypes(n_images: int) -> int:
    for most, prototypes in _PROTOTYPES:
        if n_images < most:
            return prototypes
    return 65_536


def _temperature(n_images: int) -> float:
    """Return 0.02 up to 20,000 images, 0.07 from a million on, along the logarithm between."""
    low, high = math.log(20_000), math.log(1_000_000)
    along = min(1.0, max(0.0, (math.log(n_images) - low) / (high - low)))
    return round(max(0.03, 0.02 + 0.05 * along), 4)
