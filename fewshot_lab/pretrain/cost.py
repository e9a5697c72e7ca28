"""What a run will cost, measured before it starts, and how much of it fits into memory."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.checkpoints import newest
from fewshot_lab.pretrain.crops import CropDataset, Views, by_view, collate, coloured_views
from fewshot_lab.pretrain.loss import dino_loss, teacher_target
from fewshot_lab.pretrain.multi_crop_network import starting_backbone, student_and_teacher
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.words import duration

_MOST_ON_CPU = 32
"""Images tried at once where there is no GPU: more tell nothing new, and take longer."""


@dataclass(frozen=True)
class CostEstimate:
    """A forecast.

    Attributes
    ----------
    images_per_second : float
    hours : float
        For all steps, on this machine as it is now.
    memory_gb : float
        Of the GPU where there is one, else of the process.
    sentence : str
    """

    images_per_second: float
    hours: float
    memory_gb: float
    sentence: str


def estimate_cost(recipe: Recipe, *, device: str = "cpu", seconds: float = 10.0) -> CostEstimate:
    """Train on drawn noise for a few seconds and scale up; nothing is kept.

    In a process of its own, so that the memory is the run's and a page stays quick.

    Parameters
    ----------
    seconds
        How long to try, after a first step that warms up.

    Raises
    ------
    FewshotLabError
        If it cannot be trained here: above all, if the memory is too small; then with the number
        of images that fit.
    """
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    asked = {"recipe": recipe.to_dict(), "device": device, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise FewshotLabError(f"The cost could not be measured: {last}") from None
    if "error" in answer:
        raise FewshotLabError(answer["error"])
    return CostEstimate(**answer)


def measure(recipe: Recipe, device: str, seconds: float) -> CostEstimate:
    """Do in this process what :func:`estimate_cost` promises."""
    here = torch.device(device)
    part = recipe.batch_size // recipe.accumulate
    some = part if here.type == "cuda" else min(part, _MOST_ON_CPU)
    try:
        trial = _Trial(recipe, here)
        trial.step(trial.views(some))
        drawn, trained, done = 0.0, 0.0, 0
        began = time.perf_counter()
        while done < 1 or time.perf_counter() - began < seconds:
            clock = time.perf_counter()
            batch = trial.views(some)
            drawn += time.perf_counter() - clock
            clock = time.perf_counter()
            trial.step(batch)
            trained += time.perf_counter() - clock
            done += 1
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        memory = None
    else:
        memory = _memory(here)
    if memory is None:
        raise FewshotLabError(out_of_memory_sentence(recipe, here, part))
    cores = os.cpu_count() or 1
    if here.type == "cuda":
        # Workers draw the next views meanwhile.
        per_image = max(trained, drawn / max(1, min(recipe.workers, cores))) / (done * some)
    else:
        per_image = (trained + drawn / (min(cores, 2) if recipe.workers else 1)) / (done * some)
    hours = recipe.steps * recipe.batch_size * per_image / 3600
    sentence = (
        f"About {1 / per_image:,.0f} images a second here, so {duration(3600 * hours)} for "
        f"{recipe.steps:,} steps of {recipe.batch_size}; {memory:.1f} GB of memory."
    )
    return CostEstimate(1 / per_image, hours, memory, sentence)


class _Trial:
    """A student and a teacher that learn nothing, from noise."""

    def __init__(
        self, recipe: Recipe, device: torch.device, stored: dict[str, Any] | None = None
    ) -> None:
        recipe = recipe.changed(accumulate=1)
        self._recipe, self._device = recipe, device
        side = recipe.decoded_size
        noise = np.random.default_rng(0).integers(0, 255, (4, side, side, 3), dtype=np.uint8)
        self._crops = CropDataset(noise, recipe)
        self._student, self._teacher = student_and_teacher(
            recipe, starting_backbone(recipe, stored)
        )
        for network in (self._student, self._teacher):
            network.to(device).train()
        learning = [p for p in self._student.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(learning, lr=0.0)

    def views(self, images: int) -> Views:
        return collate([self._crops[row // 4, row % 4] for row in range(images)])

    def step(self, batch: Views) -> None:
        recipe = self._recipe
        views = coloured_views(batch, 0, recipe, self._device)
        images = batch["global_colours"].shape[1]
        bf16 = recipe.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=bf16):
            with torch.no_grad():
                teacher_outputs = self._teacher(views[:1])
            student_outputs = self._student(views)
        centre = torch.zeros(recipe.prototypes, device=self._device)
        teacher_outputs = by_view(teacher_outputs, images)
        target = teacher_target(teacher_outputs, centre, recipe.teacher_temperature)
        student_outputs = by_view(student_outputs, images)
        dino_loss(student_outputs, target.probabilities, recipe.student_temperature).backward()
        self._optimiser.step()
        self._optimiser.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is for want of memory, the GPU's or the machine's."""
    words = str(error)
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or "can't allocate memory" in words
        or "not enough memory" in words
    )


def images_that_fit(
    recipe: Recipe, device: torch.device, part: int, stored: dict[str, Any] | None = None
) -> int:
    """Return how many images at once fit into memory, by halving and trying; 0 if none do."""
    images = part
    while images := images // 2:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            trial = _Trial(recipe, device, stored)
            trial.step(trial.views(images))
            return images
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
    return 0


def out_of_memory_sentence(
    recipe: Recipe, device: torch.device, part: int, folder: Path | None = None
) -> str:
    """Return a sentence for a batch that does not fit, with one that does.

    Parameters
    ----------
    recipe, device
    part
        Images at once, which are too many.
    folder
        The run's: what it started from may be gone, but for its checkpoints.
    """
    whose = "The GPU's memory" if device.type == "cuda" else "The memory"
    stored = newest(folder, recipe.to_dict()) if folder is not None else None
    fits = images_that_fit(recipe, device, part, stored)
    if not fits:
        return (
            f"{whose} is too small for this network at {recipe.global_size} px, even one image at "
            "a time: take smaller crops (--set global_size=...) or a smaller backbone."
        )
    batch = recipe.batch_size * fits // part
    return (
        f"{whose} is too small for {part} images at once; {fits} fit: take --batch-size {batch}, "
        f"or --set accumulate={recipe.accumulate * (part // fits)}, which keeps the batch of "
        f"{recipe.batch_size}. Nothing is lost."
    )


def _memory(device: torch.device) -> float:
    """Return the most that was in use so far, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _main() -> None:
    asked = json.load(sys.stdin)
    try:
        recipe = Recipe.from_dict(asked["recipe"])
        answer = asdict(measure(recipe, asked["device"], asked["seconds"]))
    except FewshotLabError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
