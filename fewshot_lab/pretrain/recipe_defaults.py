"""The values of a recipe that follow from the size of the data, with a reason for each."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.presets import preset
from fewshot_lab.pretrain.recipe_choices import Choices
from fewshot_lab.pretrain.recipe_rules import (
    multiple_of,
    power_of_two,
    steps_for,
    temperature_for,
)

if TYPE_CHECKING:
    from fewshot_lab.pretrain.architecture import ModelInfo

# lightly-train's rule: so many prototypes below so many images, and the last above all.
_IMAGES = (20_000, 50_000, 100_000, 200_000)
_PROTOTYPES = (1024, 2048, 4096, 16_384, 65_536)
_BLUR = 2.0
"""Greatest sigma of DINO's blur, in pixels of a crop of 224."""


@dataclass(frozen=True)
class _Case:
    """What the choices turn on.

    Attributes
    ----------
    n_images : int
    on_gpu : bool
    scratch, taught : bool
        Random weights; those of ImageNet, by which the first stages know edges and colours.
    head : dict
        The sizes of the head that the start brings; empty where it has none.
    network : ModelInfo
    resize : str
        The filter by which the start's images got their size.
    """

    n_images: int
    on_gpu: bool
    scratch: bool
    taught: bool
    head: dict[str, int]
    network: ModelInfo
    resize: str


def choose_values(
    n_images: int,
    backbone: str,
    start: str,
    modality: str | None,
    *,
    device: str = "cpu",
    processes: int = 1,
    epochs: float | None = None,
    **fixed: Any,
) -> Choices:
    """Choose every value of a recipe; see :meth:`fewshot_lab.pretrain.Recipe.for_dataset`."""
    if n_images < 2:
        raise FewshotLabError(
            f"DINO needs images to learn from, and there {'is' if n_images == 1 else 'are'} "
            f"{n_images}: import more first."
        )
    chosen = Choices(fixed)
    _start(chosen, backbone, start)
    _modality(chosen, modality)
    case = _case(n_images, backbone, start, device)
    _crops(chosen, case)
    batch, steps = _length(chosen, case, processes, epochs)
    per_epoch = max(1.0, n_images / batch)
    _head(chosen, case, steps)
    _teacher(chosen, case, per_epoch)
    _learning(chosen, case, batch, steps)
    _rest(chosen, case, per_epoch, steps)
    _machine(chosen, case)
    _looks(chosen)
    for name, value in fixed.items():
        chosen.values.setdefault(name, value)
        chosen.reasons.setdefault(name, "As asked.")
    return chosen


def _start(chosen: Choices, backbone: str, start: str) -> None:
    why = {
        "imagenet": "The backbone's own weights, which few images cannot replace.",
        "scratch": "As chosen; good weights get further with few images.",
    }
    own = "As chosen: what is trained." if start in why else "As the start."
    chosen.take("backbone", backbone, own)
    other = "As chosen: weights that know such images already, perhaps."
    chosen.take("start", start, why.get(start, other))


def _modality(chosen: Choices, modality: str | None) -> None:
    kind = modality or "stained microscopy"
    views = preset(kind)
    reason = "As chosen." if modality else "Not said: the one with safe colours."
    chosen.take("modality", kind, reason)
    for name, value in views.values.items():
        chosen.take(name, value, views.reasons.get(name, f"Usual for {views.title.lower()}."))


def _case(n_images: int, backbone: str, start: str, device: str) -> _Case:
    # Need timm and torch, which the terminal's help does not.
    from fewshot_lab.pretrain.architecture import architecture_of, model_info, resize_of
    from fewshot_lab.pretrain.projection_head import pretrained_head

    head = pretrained_head(start)
    return _Case(
        n_images,
        device.startswith("cuda"),
        start == "scratch",
        start == "imagenet" and "dino" not in backbone.lower(),
        {} if head is None else head.sizes,
        model_info(architecture_of(backbone, start)),
        resize_of(backbone, start),
    )


def _crops(chosen: Choices, case: _Case) -> None:
    patch = case.network.patch
    in_patches = "" if patch == 1 else f" In patches of {patch} px."
    whole, part, crops, why = 112, 56, 4, "What a CPU can train on."
    if case.on_gpu:
        whole, part, crops, why = 224, 96, 6, "The size of ImageNet's and DINO's training."
    half = "About half of a global crop's side, as in DINO."
    chosen.take("global_size", multiple_of(whole, patch), why + in_patches)
    chosen.take("local_size", multiple_of(part, patch), half + in_patches)
    chosen.take("local_crops", crops, "Each more costs time; beyond six little is gained.")
    chosen.take_dinos(global_scale_low=0.4, local_scale_high=0.4)
    chosen.take("global_scale_high", 1.0, "DINO's: up to the whole image.")
    chosen.take("local_scale_low", 0.1, "A local crop still shows a part one can recognise.")
    chosen.take("cache_size", 0, "Images are kept as large as the crops need.")
    for name, of in (("blur_sigma", "global_size"), ("blur_sigma_local", "local_size")):
        sigma = round(_BLUR * int(chosen.values[of]) / 224, 2)
        chosen.take(name, max(0.1, sigma), "DINO's 2 px on crops of 224, as this size has it.")
    first = float(chosen.values["blur_probability"])
    why = "Seldom, as in DINO: sharp beside blurred, what they share is what the image shows."
    chosen.take("blur_probability_second", min(0.1, first), why)
    half = "Half as often as the first global crop, as in DINO."
    chosen.take("blur_probability_local", first / 2, half)
    why = "Not DINO's .2: colour, and how bright or dense something is, are findings."
    chosen.take("solarise_probability", 0.0, why)
    chosen.take("rotation", 0.0, "Quarter turns leave no black corners.")
    chosen.take("perspective_probability", 0.0, "Crops change the aspect ratio as it is.")
    chosen.take("perspective_distortion", 0.5, "torchvision's, where there is any.")
    chosen.take(
        "resize",
        case.resize,
        "As the weights were trained."
        if case.resize == "nearest"
        else "Antialiased: fine structures do not flicker.",
    )
    chosen.take("pixel_range", "backbone", "The weights know theirs.")
    why = "The GPU has time for it, the workers have not." if case.on_gpu else "Faster on a CPU."
    chosen.take("device_views", case.on_gpu, why)


def _length(chosen: Choices, case: _Case, processes: int, epochs: float | None) -> tuple[int, int]:
    """Choose the batch and the number of steps, and return them."""
    most, why = 64, "Small steps learn sooner on few images."
    if case.on_gpu:
        most = 256 if case.n_images >= 4096 else 128  # sixteen steps in an epoch
        why = "A GPU is faster in large batches; the measured cost tells whether it fits."
        if processes > 1:
            most = max(most, min(most * processes, case.n_images // 20))
            why = f"For {processes} processes, as long as an epoch has 20 steps."
    share = max(1, min(most, power_of_two(case.n_images)) // processes)
    batch = int(chosen.take("batch_size", max(2, share * processes), why))
    chosen.take("accumulate", 1, "The batch goes through in one piece; more pieces save memory.")
    usual = 100.0 if case.on_gpu else 400_000 / case.n_images
    passes = epochs or min(100.0, max(20.0, usual))
    why = " as asked." if epochs else ": small sets need many to settle."
    steps = steps_for(passes, case.n_images, batch)
    return batch, int(chosen.take("steps", steps, f"{passes:.0f} passes over the images{why}"))


def _head(chosen: Choices, case: _Case, steps: int) -> None:
    if case.head:
        why = "The start brings a head of this size, which goes on learning."
        for name, value in case.head.items():
            chosen.take(name, value, why)
    else:
        prototypes = _PROTOTYPES[bisect_right(_IMAGES, case.n_images)]
        chosen.take("prototypes", prototypes, "lightly-train's rule for data of this size.")
        chosen.take_dinos(head_hidden=2048, head_bottleneck=256)
    chosen.take_dinos(student_temperature=0.1, centre_momentum=0.9)
    temperature = temperature_for(case.n_images)
    chosen.take(
        "teacher_temperature",
        temperature,
        "lightly-train's rule, at least .03: colder, small sets settle on few outputs.",
    )
    chosen.take(
        "teacher_temperature_start",
        min(0.02, temperature),
        "Low at first: otherwise the loss does not leave ln(prototypes) on small sets.",
    )
    chosen.take("teacher_temperature_warmup", round(0.1 * steps), "A tenth of the run.")


def _teacher(chosen: Choices, case: _Case, per_epoch: float) -> None:
    chosen.take("centring", True, "Without it the teacher comes to say the same of every image.")
    wanted = 1.0 if case.scratch else 2.0
    momentum = math.exp(math.log(0.5) / (wanted * per_epoch))
    chosen.take(
        "ema_start",
        round(min(0.9995, max(0.98, momentum)), 5),
        f"Half of the teacher is new after about {wanted:.0f} "
        f"epoch{'s' if wanted != 1 else ''} (usual: {'0.5-2' if case.scratch else '2-8'}).",
    )
    chosen.take("ema_end", 1.0, "DINO's: at the end the teacher rests.")


def _learning(chosen: Choices, case: _Case, batch: int, steps: int) -> None:
    if case.scratch:
        rate, why = 5e-4 * batch / 256, "DINO's 5e-4 x batch / 256 from scratch."
    elif case.network.transformer:
        rate, why = 1e-4 * batch / 256, "1e-4 x batch / 256 from good weights."
    elif case.on_gpu:
        rate, why = 1e-3 * batch / 256, "1e-3 x batch / 256, as the best run on a GPU so far."
    else:
        rate, why = 5e-4, "Few steps on a CPU: higher than DINO's, as measured on blood cells."
    chosen.take("learning_rate", rate, why)
    if case.scratch:
        chosen.take("head_learning_rate", rate, "As the backbone's, which is new, too.")
    elif case.head:
        chosen.take("head_learning_rate", rate, "As the backbone's: it is not new.")
    else:
        chosen.take("head_learning_rate", 4 * rate, "The head begins with random weights: faster.")
    chosen.take_dinos(final_learning_rate=min(1e-6, rate))
    chosen.take("warmup_steps", max(1, round(0.1 * steps)), "A tenth of the run, as in DINO.")
    chosen.take("weight_decay", 0.04, "DINO's at its start.")
    if case.scratch:
        chosen.take("final_weight_decay", 0.4, "DINO's at its end.")
    else:
        chosen.take("final_weight_decay", 0.04, "Constant, so that good weights stay near.")
    chosen.take("clip", 3.0, "DINO's: one odd batch cannot throw the weights off.")
    chosen.take("adaptive_clip", 0.0, "The limit to the whole gradient is enough.")


def _rest(chosen: Choices, case: _Case, per_epoch: float, steps: int) -> None:
    """Choose what rests, and for how long."""
    adapted = chosen.take("adapt", "none", "Everything is trained; lora or apla save memory.")
    rank, why = (0, "All outputs of the projections.") if adapted == "apla" else (16, "Usual.")
    chosen.take("adapt_rank", rank, why)
    frozen = round(min(per_epoch, 0.1 * steps))
    chosen.take("frozen_last_layer_steps", frozen, "DINO: the first epoch.")
    few = min(500, steps // 10)
    stages = 0
    if case.scratch:
        head_only, why, why_stages = 0, "Nothing to protect.", "Everything is trained."
    elif adapted != "none":
        head_only, why = few, "A new head learns alone first."
        why_stages = "All weights are frozen already."
    elif case.head:
        head_only, why = 0, "The head is not new."
        why_stages = "Backbone and head already fit each other."
    elif case.taught and not case.on_gpu and not case.network.transformer:
        # As measured on blood cells.
        head_only, why = 0, "The first stages are frozen instead."
        stages = min(4, case.network.stages // 2)
        why_stages = "They see edges and colours, which ImageNet taught well; a third faster."
    else:
        # As users of DINOv2 found: facebookresearch/dinov2, issue 204.
        head_only = few
        why = "A new head learns alone first: its first gradients would spoil good weights."
        why_stages = "All of them are trained."
    chosen.take("head_only_steps", head_only, why)
    chosen.take("frozen_stages", stages, why_stages)


def _machine(chosen: Choices, case: _Case) -> None:
    gpu = case.on_gpu
    drop = 0.1 if case.network.transformer and gpu else 0.0
    chosen.take("drop_path", drop, "For large transformers only.")
    chosen.take("precision", "bf16" if gpu else "float32", "Twice as fast." if gpu else "Exact.")
    chosen.take("gradient_checkpointing", False, "Slower; switch it on where memory is short.")
    chosen.take("compile", gpu, "Faster after the first minute." if gpu else "Of use on a GPU.")
    chosen.take("channels_last", True, "Faster for convolutions.")
    why = "As many as the processors allow." if gpu else "One makes views beside the training."
    chosen.take("workers", -1 if gpu else 1, why)


def _looks(chosen: Choices) -> None:
    """Leave it to the clock when to look: see :mod:`fewshot_lab.pretrain.cadence`."""
    chosen.take("check_steps", 0, "By the clock: at most 3 % of the time.")
    chosen.take("checkpoint_steps", 0, "By the clock: a stop by force loses minutes at most.")
    chosen.take("log_steps", 0, "By the clock: every two seconds, so trouble is seen early.")
    chosen.take("keep", 2, "Should the newest be damaged, one is left.")
    chosen.take("seed", 0, "The same run twice gives the same weights.")
