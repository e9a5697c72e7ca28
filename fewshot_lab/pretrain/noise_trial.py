"""Training steps on drawn noise, by which cost and memory are measured before a run."""

import time
from typing import Any

import numpy as np
import torch

from fewshot_lab.pretrain.crops import CropDataset, Views, by_view, collate, coloured_views
from fewshot_lab.pretrain.loss import dino_loss, teacher_target
from fewshot_lab.pretrain.multi_crop_network import starting_backbone, student_and_teacher
from fewshot_lab.pretrain.preflight import has_compiler
from fewshot_lab.pretrain.recipe import Recipe


class NoiseTrial:
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
        compiles = recipe.compile and has_compiler()
        self._run_student = torch.compile(self._student) if compiles else self._student
        self._run_teacher = torch.compile(self._teacher) if compiles else self._teacher
        learning = [p for p in self._student.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(learning, lr=0.0)

    def views(self, images: int) -> Views:
        """Return the views of so many images of noise."""
        return collate([self._crops[row // 4, row % 4] for row in range(images)])

    @torch.no_grad()
    def seconds_to_embed(self, images: int) -> float:
        """Return how long the teacher takes over so many whole images."""
        side = self._recipe.decoded_size
        pixels = torch.zeros(images, 3, side, side, device=self._device)
        began = time.perf_counter()
        self._teacher.embed(pixels)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter() - began

    def step(self, batch: Views) -> None:
        """Do a whole step, and wait for it."""
        recipe = self._recipe
        views = coloured_views(batch, 0, recipe, self._device)
        images = batch["global_colours"].shape[1]
        bf16 = recipe.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=bf16):
            with torch.no_grad():
                teacher_outputs = self._run_teacher(views[:1])
            student_outputs = self._run_student(views)
        centre = torch.zeros(recipe.prototypes, device=self._device)
        teacher_outputs = by_view(teacher_outputs, images)
        target = teacher_target(teacher_outputs, centre, recipe.teacher_temperature)
        student_outputs = by_view(student_outputs, images)
        dino_loss(student_outputs, target.probabilities, recipe.student_temperature).backward()
        self._optimiser.step()
        self._optimiser.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
