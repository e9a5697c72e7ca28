"""Every value of a run, documented once: the Python config, the command line and the job file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Self

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.paper_recipe import paper_values
from fewshot_lab.pretrain.recipe_defaults import choose_values
from fewshot_lab.pretrain.recipe_fields import check, converted, value
from fewshot_lab.words import did_you_mean


@dataclass(frozen=True)
class Recipe:
    """How a backbone is pretrained by DINO (Caron et al. 2021, arXiv 2104.14294).

    Each field says what it is in its metadata's ``help``; sizes are in pixels, durations in
    optimiser steps. A step sees ``batch_size`` images, whatever the number of processes.
    """

    backbone: str = value(
        "efficientnet-lite0-imagenet", "Name in the registry, or timm's name of an architecture."
    )
    start: str = value(
        "imagenet", "imagenet, scratch, a checkpoint file, or run:NAME of an earlier run."
    )
    modality: str = value(
        "stained microscopy", "Kind of image: decides which flips and colour changes are safe."
    )

    steps: int = value(1000, "Optimiser steps in all.", 1)
    batch_size: int = value(64, "Images in a step, over all processes.", 2)
    accumulate: int = value(1, "Parts into which a step's batch is cut to save memory.", 1)

    global_size: int = value(96, "Side of the global crops.", 16, 1024)
    local_size: int = value(48, "Side of the local crops.", 8, 1024)
    local_crops: int = value(4, "Local crops of each image, beside two global ones.", 0, 16)
    global_scale_low: float = value(0.4, "Least area of a global crop, of the image's.", 0.01, 1)
    global_scale_high: float = value(1.0, "Greatest area of a global crop.", 0.01, 1)
    local_scale_low: float = value(0.1, "Least area of a local crop.", 0.01, 1)
    local_scale_high: float = value(0.4, "Greatest area of a local crop.", 0.01, 1)
    horizontal_flip: bool = value(True, "Mirror left and right.")
    vertical_flip: bool = value(True, "Mirror top and bottom.")
    quarter_turns: bool = value(True, "Turn by 0, 90, 180 or 270 degrees.")
    brightness: float = value(0.3, "Change of brightness, up to this part.", 0, 1)
    contrast: float = value(0.3, "Change of contrast, up to this part.", 0, 1)
    saturation: float = value(0.2, "Change of saturation, up to this part.", 0, 1)
    hue: float = value(0.02, "Change of hue, in turns of the colour circle.", 0, 0.5)
    colour_probability: float = value(0.8, "How often colours are changed at all.", 0, 1)
    grey_probability: float = value(0.0, "How often a crop turns grey.", 0, 1)
    blur_probability: float = value(0.3, "How often the first global crop is blurred.", 0, 1)
    blur_probability_second: float = value(0.3, "The same of the second global crop.", 0, 1)
    blur_probability_local: float = value(0.3, "The same of local crops.", 0, 1)
    blur_sigma: float = value(1.5, "Greatest sigma of a global crop's blur, in pixels.", 0.1, 32)
    blur_sigma_local: float = value(1.5, "The same of local crops.", 0.1, 32)
    solarise_probability: float = value(
        0.0, "How often the bright half of the second global crop is inverted.", 0, 1
    )
    rotation: float = value(0.0, "Turn by any angle up to this, in degrees.", 0, 180)
    perspective_probability: float = value(0.0, "How often a crop is seen from aside.", 0, 1)
    perspective_distortion: float = value(0.5, "How far its corners move, of half a side.", 0, 1)
    resize: str = value(
        "bicubic",
        "Filter by which images get their size, in training and in use.",
        choices=("bicubic", "nearest"),
    )
    pixel_range: str = value(
        "backbone",
        "Values that the network sees: as its weights had them, or from -1 to 1.",
        choices=("backbone", "-1 to 1"),
    )
    device_views: bool = value(
        False, "Crop in batches on the device that trains, instead of in the workers."
    )

    prototypes: int = value(1024, "Outputs of the projection head.", 2)
    head_hidden: int = value(2048, "Width of the head's hidden layers.", 8)
    head_bottleneck: int = value(256, "Width before the prototypes.", 4)
    student_temperature: float = value(0.1, "Softmax temperature of the student.", 1e-4)
    teacher_temperature: float = value(0.04, "Softmax temperature of the teacher.", 1e-4)
    teacher_temperature_start: float = value(0.04, "The same at step 0.", 1e-4)
    teacher_temperature_warmup: int = value(0, "Steps from the one to the other.", 0)
    centre_momentum: float = value(0.9, "Momentum of the centre of the teacher's outputs.", 0, 1)
    centring: bool = value(True, "Subtract the centre; without it the outputs collapse.")
    ema_start: float = value(0.996, "Momentum of the teacher's weights at step 0.", 0, 1)
    ema_end: float = value(1.0, "The same at the end.", 0, 1)

    learning_rate: float = value(1e-4, "Peak of the backbone's learning rate.", 0)
    final_learning_rate: float = value(1e-6, "Learning rate at the end.", 0)
    head_learning_rate: float = value(1e-4, "Peak of the head's learning rate.", 0)
    warmup_steps: int = value(100, "Steps of linear warm-up of the learning rates.", 0)
    weight_decay: float = value(0.04, "Weight decay at step 0.", 0)
    final_weight_decay: float = value(0.04, "Weight decay at the end.", 0)
    clip: float = value(3.0, "Greatest norm of the gradient; 0 for no limit.", 0)
    adaptive_clip: float = value(
        0.0, "Greatest gradient of a unit, as part of its weights' norm; 0 for no limit.", 0
    )
    frozen_last_layer_steps: int = value(0, "Steps in which the last layer is frozen.", 0)
    head_only_steps: int = value(0, "First steps, in which the backbone is frozen.", 0)
    frozen_stages: int = value(0, "Frozen stages at the input, stem included.", 0)
    drop_path: float = value(0.0, "Stochastic depth of the student.", 0, 0.9)
    adapt: str = value(
        "none",
        "For transformers: the weights stay frozen, and few added ones are trained.",
        choices=("none", "lora", "apla"),
    )
    adapt_rank: int = value(
        16, "Of lora's matrices; for apla, outputs of each projection that learn (0: all).", 0
    )

    precision: str = value(
        "float32",
        "float32 or bf16 (autocast); fp16 overflows in DINO.",
        choices=("float32", "bf16"),
    )
    compile: bool = value(False, "torch.compile; on a GPU.")
    gradient_checkpointing: bool = value(False, "Save memory for time.")
    channels_last: bool = value(True, "Memory layout; faster for convolutions.")
    seed: int = value(0, "Of weights, order and views.", 0)
    cache_size: int = value(0, "Side of the cached images; 0 for what the crops need.", 0, 2048)

    log_steps: int = value(
        0, "Steps between two looks at the run's health; 0: by the clock.", 0, 50
    )
    check_steps: int = value(0, "Steps between two answers to “is it helping?”; 0: the same.", 0)
    checkpoint_steps: int = value(0, "Steps between two checkpoints; 0: the same.", 0)
    keep: int = value(2, "How many of the newest checkpoints are kept.", 1)
    workers: int = value(
        1, "Processes that make views; -1 for as many as the processors allow.", -1, 256
    )

    def __post_init__(self) -> None:
        for known in fields(self):
            check(known, getattr(self, known.name))
        for name in ("global_scale", "local_scale"):
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            if low > high:
                raise FewshotLabError(f"{name}_low is {low:g}, above {name}_high, {high:g}.")
        if self.batch_size % self.accumulate:
            raise FewshotLabError(
                f"batch_size {self.batch_size} cannot be cut into {self.accumulate} equal parts."
            )

    @property
    def decoded_size(self) -> int:
        """Side of the images in the cache: a global crop of medium area is not enlarged."""
        if self.cache_size:
            return self.cache_size
        middle = (self.global_scale_low + self.global_scale_high) / 2
        return int(16 * round(self.global_size / middle**0.5 / 16 + 0.49))

    def epochs(self, n_images: int) -> float:
        """Return how often each of `n_images` images is seen."""
        return self.steps * self.batch_size / n_images

    def to_dict(self) -> dict[str, Any]:
        """Return the values, as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the recipe with these values; the others are the defaults.

        Raises
        ------
        FewshotLabError
            For a name that is none of the fields', or a value that a field cannot take.
        """
        names = {known.name: known for known in fields(cls)}
        taken = {}
        if "blur_probability" in values:  # recipes of before knew one for all crops
            both = ("blur_probability_second", "blur_probability_local")
            values = dict.fromkeys(both, values["blur_probability"]) | values
        for name, given in values.items():
            if name not in names:
                hint = did_you_mean(name, names, cutoff=0.6)
                raise FewshotLabError(f"A recipe has no value {name!r}{hint}")
            taken[name] = converted(names[name], given)
        return cls(**taken)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values; see :meth:`from_dict`."""
        return self.from_dict(self.to_dict() | values)

    @classmethod
    def paper(
        cls, n_images: int, *, batch_size: int = 256, epochs: float = 500, device: str = "cuda"
    ) -> Self:
        """Return the recipe of Nielsen et al. 2023 (Bioengineering 10(8):895).

        XCiT-S12/p8 at 256 px with DINO's 65,536 prototypes, 2 global and 5 local crops, and a slow
        teacher, as their code (sparsam at 9457ae3) has it; for GPUs. What is theirs, what is not,
        and why: ``docs/pretraining.md``.

        Parameters
        ----------
        n_images
            They state durations in epochs; a recipe counts steps.
        batch_size, epochs
            Theirs.
        device
            "cuda" adds what makes it fast there: bf16, compiled, crops cut on the GPU.
        """
        return cls.from_dict(paper_values(n_images, batch_size, epochs, device))

    @classmethod
    def for_dataset(
        cls,
        n_images: int,
        backbone: str = "efficientnet-lite0-imagenet",
        start: str = "imagenet",
        modality: str | None = None,
        *,
        device: str = "cpu",
        processes: int = 1,
        epochs: float | None = None,
        **fixed: Any,
    ) -> RecommendedRecipe:
        """Return a recipe filled from the size of the data, with the reason for each value.

        Parameters
        ----------
        n_images
        backbone, start
            See the fields.
        modality
            A key of the presets; stained microscopy if None.
        device
            "cpu" takes small crops and batches.
        processes
            GPUs, or processes on CPUs, which share a batch: on GPUs it grows with them, and the
            learning rate with the batch.
        epochs
            How often each image is seen, instead of a rule.
        fixed
            Values that are not to be chosen.

        Raises
        ------
        FewshotLabError
            For fewer than two images, an unknown modality or a value a recipe cannot take.
        """
        chosen = choose_values(
            n_images,
            backbone,
            start,
            modality,
            device=device,
            processes=processes,
            epochs=epochs,
            **fixed,
        )
        return RecommendedRecipe(cls.from_dict(chosen.values), chosen.reasons)


@dataclass(frozen=True)
class RecommendedRecipe:
    """A recipe and why it is so.

    Attributes
    ----------
    recipe : Recipe
    reasons : dict
        A sentence for each value that was chosen.
    """

    recipe: Recipe
    reasons: dict[str, str]
