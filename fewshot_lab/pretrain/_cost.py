"""What a run will cost, measured before it starts."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

from fewshot_lab.pretrain._crops import Crops, collate
from fewshot_lab.pretrain._loss import dino_loss, target
from fewshot_lab.pretrain._network import starting_backbone, student_and_teacher
from fewshot_lab.pretrain._recipe import Recipe


@dataclass(frozen=True)
class Cost:
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


def estimate_cost(recipe: Recipe, *, device: str = "cpu", seconds: float = 10.0) -> Cost:
    """Train on drawn noise for a few seconds and scale up; nothing is kept.

    Parameters
    ----------
    seconds
        How long to try, after a first step that warms up.
    """
    here = torch.device(device)
    some = min(recipe.batch_size // recipe.accumulate, 32 if here.type == "cpu" else 10_000)
    side = recipe.decoded_size
    pixels = np.random.default_rng(0).integers(0, 255, (some, side, side, 3), dtype=np.uint8)
    crops = Crops(pixels, recipe)
    student, teacher = student_and_teacher(recipe, starting_backbone(recipe))
    student.to(here).train()
    teacher.to(here).train()
    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=0.0)
    from fewshot_lab.pretrain._train import by_view, coloured_views

    def step() -> None:
        batch = collate([crops[0, row] for row in range(some)])
        views = coloured_views(batch, 0, 1, here)
        with torch.autocast(here.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            with torch.no_grad():
                said = teacher(views[:1])
            outputs = student(views)
        goal = target(
            said.float().view(2, -1, recipe.prototypes),
            torch.zeros(recipe.prototypes, device=here),
            recipe.teacher_temperature,
        )
        loss = dino_loss(by_view(outputs, recipe), goal.probabilities, recipe.student_temperature)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if here.type == "cuda":
            torch.cuda.synchronize(here)

    step()
    began, done = time.perf_counter(), 0
    while done < 1 or time.perf_counter() - began < seconds:
        step()
        done += 1
    rate = done * some / (time.perf_counter() - began)
    hours = recipe.steps * recipe.batch_size / rate / 3600
    if here.type == "cuda":
        memory = torch.cuda.max_memory_allocated(here) / 1e9
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    sentence = (
        f"About {rate:,.0f} images a second here, so {_duration(hours)} for {recipe.steps:,} "
        f"steps of {recipe.batch_size}; {memory:.1f} GB of memory."
    )
    return Cost(rate, hours, memory, sentence)


def _duration(hours: float) -> str:
    if hours < 1.5:
        return f"{max(1, round(hours * 60))} minutes"
    if hours < 48:
        return f"{hours:.0f} hours"
    return f"{hours / 24:.0f} days"
