"""Every value of a run, documented once: the Python config, the command line and the job file."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field, fields
from typing import Any, Self

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.recipe_defaults import choose_values


def _value(
    default: Any, help_text: str, low: float | None = None, high: float | None = None
) -> Any:
    return field(default=default, metadata={"help": help_text, "low": low, "high": high})


@dataclass(frozen=True)
class Recipe:
    """How a backbone is pretrained by DINO (Caron et al. 2021, arXiv 2104.14294).

    Each field says what it is in its metadata's ``help``; sizes are in pixels, durations in
    optimiser steps. A step sees ``batch_size`` images, whatever the number of processes.
    """

    backbone: str = _value(
        "efficientnet-lite0-imagenet", "Name in the registry, or timm's name of an architecture."
    )
    start: str = _value(
        "imagenet", "imagenet, scratch, a checkpoint file, or run:NAME of an earlier run."
    )
    modality: str = _value(
        "stained microscopy", "Kind of image: decides which flips and colour changes are safe."
    )

    steps: int = _value(1000, "Optimiser steps in all.", 1)
    batch_size: int = _value(64, "Images in a step, over all processes.", 2)
    accumulate: int = _value(1, "Parts into which a step's batch is cut to save memory.", 1)

    global_size: int = _value(96, "Side of the global crops.", 16, 1024)
    local_size: int = _value(48, "Side of the local crops.", 8, 1024)
    local_crops: int = _value(4, "Local crops of each image, beside two global ones.", 0, 16)
    global_scale_low: float = _value(0.4, "Least area of a global crop, of the image's.", 0.01, 1)
    global_scale_high: float = _value(1.0, "Greatest area of a global crop.", 0.01, 1)
    local_scale_low: float = _value(0.1, "Least area of a local crop.", 0.01, 1)
    local_scale_high: float = _value(0.4, "Greatest area of a local crop.", 0.01, 1)
    horizontal_flip: bool = _value(True, "Mirror left and right.")
    vertical_flip: bool = _value(True, "Mirror top and bottom.")
    quarter_turns: bool = _value(True, "Turn by 0, 90, 180 or 270 degrees.")
    brightness: float = _value(0.3, "Change of brightness, up to this part.", 0, 1)
    contrast: float = _value(0.3, "Change of contrast, up to this part.", 0, 1)
    saturation: float = _value(0.2, "Change of saturation, up to this part.", 0, 1)
    hue: float = _value(0.02, "Change of hue, in turns of the colour circle.", 0, 0.5)
    colour_probability: float = _value(0.8, "How often colours are changed at all.", 0, 1)
    grey_probability: float = _value(0.0, "How often a crop turns grey.", 0, 1)
    blur_probability: float = _value(0.3, "How often a crop is blurred.", 0, 1)

    prototypes: int = _value(1024, "Outputs of the projection head.", 2)
    head_hidden: int = _value(2048, "Width of the head's hidden layers.", 8)
    head_bottleneck: int = _value(256, "Width before the prototypes.", 4)
    student_temperature: float = _value(0.1, "Softmax temperature of the student.", 1e-4)
    teacher_temperature: float = _value(0.04, "Softmax temperature of the teacher.", 1e-4)
    teacher_temperature_start: float = _value(0.04, "The same at step 0.", 1e-4)
    teacher_temperature_warmup: int = _value(0, "Steps from the one to the other.", 0)
    centre_momentum: float = _value(0.9, "Momentum of the centre of the teacher's outputs.", 0, 1)
    centring: bool = _value(True, "Subtract the centre; without it the outputs collapse.")
    ema_start: float = _value(0.996, "Momentum of the teacher's weights at step 0.", 0, 1)
    ema_end: float = _value(1.0, "The same at the end.", 0, 1)

    learning_rate: float = _value(1e-4, "Peak of the backbone's learning rate.", 0)
    final_learning_rate: float = _value(1e-6, "Learning rate at the end.", 0)
    head_learning_rate: float = _value(1e-4, "Peak of the head's learning rate.", 0)
    warmup_steps: int = _value(100, "Steps of linear warm-up of the learning rates.", 0)
    weight_decay: float = _value(0.04, "Weight decay at step 0.", 0)
    final_weight_decay: float = _value(0.04, "Weight decay at the end.", 0)
    clip: float = _value(3.0, "Greatest norm of the gradient; 0 for no limit.", 0)
    frozen_last_layer_steps: int = _value(0, "Steps in which the last layer rests.", 0)
    head_only_steps: int = _value(0, "First steps, in which the backbone rests.", 0)
    frozen_stages: int = _value(0, "Stages at the input that stay as they were, stem included.", 0)
    drop_path: float = _value(0.0, "Stochastic depth of the student.", 0, 0.9)
    adapt: str = _value(
        "none", "none, or lora or apla: a transformer's weights rest, few added ones learn."
    )
    adapt_rank: int = _value(
        16, "Of lora's matrices; for apla, outputs of each projection that learn (0: all).", 0
    )

    precision: str = _value("float32", "float32 or bf16 (autocast).")
    compile: bool = _value(False, "torch.compile; on a GPU.")
    gradient_checkpointing: bool = _value(False, "Save memory for time.")
    channels_last: bool = _value(True, "Memory layout; faster for convolutions.")
    seed: int = _value(0, "Of weights, order and views.", 0)
    cache_size: int = _value(0, "Side of the cached images; 0 for what the crops need.", 0, 2048)

    log_steps: int = _value(10, "Steps between two looks at the run's health.", 1, 50)
    check_steps: int = _value(250, "Steps between two answers to “is it helping?”.", 1)
    checkpoint_steps: int = _value(250, "Steps between two checkpoints.", 1)
    keep: int = _value(2, "How many of the newest checkpoints are kept.", 1)
    workers: int = _value(1, "Processes or threads that make views.", 0, 256)

    def __post_init__(self) -> None:
        for known in fields(self):
            _checked(known, getattr(self, known.name))
        if self.precision not in ("float32", "bf16"):
            raise FewshotLabError(
                f"precision is {self.precision!r}: float32 or bf16 (fp16 overflows in DINO)."
            )
        if self.adapt not in ("none", "lora", "apla"):
            raise FewshotLabError(f"adapt is {self.adapt!r}: none, lora or apla.")
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
        for name, value in values.items():
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else "."
                raise FewshotLabError(f"A recipe has no value {name!r}{hint}")
            taken[name] = _converted(names[name], value)
        return cls(**taken)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values; see :meth:`from_dict`."""
        return self.from_dict(self.to_dict() | values)

    @classmethod
    def paper(cls, n_images: int = 170_000) -> Self:
        """Return the recipe of Nielsen et al. 2023 (Bioengineering 10(8):895).

        XCiT-S12/p8 at 256 px with DINO's 65,536 prototypes, 2 global and 5 local crops, and a slow
        teacher; the values are the defaults of the code they published (sparsam). For GPUs: a step
        on a CPU takes minutes. It differs where this loop does: quarter turns and a changed
        aspect ratio for any angle and perspective, a limit to the gradient's norm for an adaptive
        one.

        Parameters
        ----------
        n_images
            For what they state in epochs; their bone marrow set has some 170,000.
        """
        batch = 256
        epoch = max(1, round(n_images / batch))
        return cls(
            backbone="xcit_small_12_p8_224",
            start="imagenet",
            steps=250 * epoch,
            batch_size=batch,
            accumulate=8,
            global_size=256,
            local_size=88,
            local_crops=5,
            global_scale_low=0.5,
            local_scale_low=0.1,
            local_scale_high=0.5,
            brightness=0.4,
            contrast=0.4,
            saturation=0.2,
            hue=0.1,
            grey_probability=0.2,
            blur_probability=0.5,
            prototypes=65_536,
            head_hidden=2048,
            head_bottleneck=256,
            teacher_temperature_start=0.02,
            teacher_temperature=0.04,
            teacher_temperature_warmup=2 * epoch,
            ema_start=0.9995,
            ema_end=0.9995,
            learning_rate=1e-4,
            final_learning_rate=0.0,
            head_learning_rate=1e-4,
            warmup_steps=2 * epoch,
            weight_decay=0.05,
            final_weight_decay=0.4,
            frozen_last_layer_steps=epoch,
            precision="bf16",
        )

    @classmethod
    def for_dataset(
        cls,
        n_images: int,
        backbone: str = "efficientnet-lite0-imagenet",
        start: str = "imagenet",
        modality: str | None = None,
        *,
        device: str = "cpu",
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
            n_images, backbone, start, modality, device=device, epochs=epochs, **fixed
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


def _converted(known: dataclasses.Field[Any], value: Any) -> Any:
    """Return a value of JSON or of a command line as the field's own type."""
    kind: type[Any] = type(known.default)
    try:
        if kind is bool:
            words = {"true": True, "yes": True, "on": True, "1": True}
            words |= {"false": False, "no": False, "off": False, "0": False}
            return value if isinstance(value, bool) else words[str(value).lower()]
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        return float(value) if kind is float else str(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        kinds = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}
        raise FewshotLabError(
            f"{known.name} is {value!r} but must be {kinds[kind]} ({_lower(known)})."
        ) from None


def _checked(known: dataclasses.Field[Any], value: Any) -> None:
    if isinstance(value, float) and value != value:
        raise FewshotLabError(f"{known.name} is not a number.")
    low, high = known.metadata["low"], known.metadata["high"]
    if (low is not None and value < low) or (high is not None and value > high):
        between = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
        raise FewshotLabError(f"{known.name} is {value:g} but must be {between} ({_lower(known)}).")


def _lower(known: dataclasses.Field[Any]) -> str:
    text: str = known.metadata["help"].rstrip(".")
    return text[0].lower() + text[1:]
