"""Training steps on drawn noise, by which cost and memory are measured before a run."""

import math
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from fewshot_lab.pretrain.crops import CropDataset, Views, by_view, collate, coloured_views
from fewshot_lab.pretrain.distributed import ProcessGroup
from fewshot_lab.pretrain.loss import dino_loss, teacher_target
from fewshot_lab.pretrain.multi_crop_network import starting_backbone, train_mode
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.student_teacher import StudentTeacher


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
        alone = ProcessGroup(0, 1, device)
        self._networks = StudentTeacher(recipe, starting_backbone(recipe, stored), alone)
        self._networks.rest_backbone(False)
        for network in (self._networks.student, self._networks.teacher):
            train_mode(network, self._networks.resting)

    def views(self, images: int) -> Views:
        """Return the views of so many images of noise."""
        return collate([self._crops[row // 4, row % 4] for row in range(images)])

    def seconds_to_embed(self, images: int) -> float:
        """Return how long the teacher takes over so many whole images."""
        side = self._recipe.decoded_size
        pixels = torch.zeros(images, 3, side, side, dtype=torch.uint8)
        began = time.perf_counter()
        self._networks.embed(pixels)
        return time.perf_counter() - began

    def step(self, batch: Views) -> tuple[float, float]:
        """Do a whole step and wait for it.

        Returns
        -------
        tuple of float
            Seconds that grow with the images, and those of the update, which are the same for any
            number.
        """
        recipe, networks = self._recipe, self._networks
        began = time.perf_counter()
        views = coloured_views(batch, 0, recipe, self._device)
        images = batch["global_colours"].shape[1]
        bf16 = recipe.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=bf16):
            with torch.no_grad():
                teacher_outputs = networks.run_teacher(views[:1])
            student_outputs = networks.run_student(views)
        teacher_outputs = by_view(teacher_outputs, images)
        target = teacher_target(teacher_outputs, networks.centre, recipe.teacher_temperature)
        student_outputs = by_view(student_outputs, images)
        dino_loss(student_outputs, target.probabilities, recipe.student_temperature).backward()
        self._wait()
        between = time.perf_counter()
        learning = [p for p in networks.student.parameters() if p.grad is not None]
        nn.utils.clip_grad_norm_(learning, recipe.clip or math.inf)
        networks.optimiser.step()
        networks.follow(1.0, networks.centre)
        networks.optimiser.zero_grad()
        self._wait()
        return between - began, time.perf_counter() - between

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
