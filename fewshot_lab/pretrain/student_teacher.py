"""Student and teacher with all that changes as they learn."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.distributed import ProcessGroup
from fewshot_lab.pretrain.multi_crop_network import StartingBackbone, student_and_teacher
from fewshot_lab.pretrain.preflight import has_compiler
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.synced_norm import synced_norms


class StudentTeacher:
    """The two networks, the optimiser of the one, the centre of the other.

    Parameters
    ----------
    recipe
    start
        The backbone they begin with, and the head where it brings one.
    processes
        The device, and whether BatchNorm speaks for several processes.

    Attributes
    ----------
    student, teacher : MultiCropNetwork
    optimiser : AdamW
    centre : Tensor
        (K,), the running mean of the teacher's outputs.
    resting : set of str
        The backbone's parameters that never learn.
    run_student, run_teacher : callable
        The two, compiled as asked for; the student shares its gradients among processes.
    """

    def __init__(self, recipe: Recipe, start: StartingBackbone, processes: ProcessGroup) -> None:
        self._recipe, self._processes = recipe, processes
        # All or none: compiled, BatchNorm speaks in another way.
        self._compiles = recipe.compile and not processes.any(not has_compiler())
        self.student, self.teacher = student_and_teacher(recipe, start)
        for network in (self.student, self.teacher):
            if processes.world > 1:
                synced_norms(network, processes.device, compiled=self._compiles)
            network.to(processes.device)
        backbone = self.student.backbone
        self.resting = {n for n, p in backbone.named_parameters() if not p.requires_grad}
        _share(self.student.backbone, self.teacher.backbone, self.resting)
        self._learning = [p for n, p in backbone.named_parameters() if n not in self.resting]
        self.optimiser = torch.optim.AdamW(self._groups(), lr=0.0, fused=True)
        self._followed = [
            (mine, theirs)
            for (name, mine), theirs in zip(
                self.student.named_parameters(), self.teacher.parameters(), strict=True
            )
            if name.removeprefix("backbone.") not in self.resting
        ]
        self._shared: DistributedDataParallel | None = None
        self.run_student: Callable[[list[Tensor]], Tensor] = self.student
        self.run_teacher = self._compiled(self.teacher)
        self.centre = torch.zeros(recipe.prototypes, device=processes.device)
        if start.head is not None and start.head.centre is not None:
            self.centre.copy_(start.head.centre)

    def _groups(self) -> list[dict[str, Any]]:
        """Return what the optimiser moves; biases and norms do not decay (as in DINO)."""
        groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
        for name, parameter in self.student.named_parameters():
            part, _, inner = name.partition(".")
            if part == "backbone" and inner in self.resting:
                continue
            groups.setdefault((part, parameter.ndim > 1), []).append(parameter)
        return [
            {"params": parameters, "part": part, "decays": decays}
            for (part, decays), parameters in groups.items()
        ]

    def rest_backbone(self, rest: bool) -> None:
        """Let the student's backbone learn from now on, or not.

        DistributedDataParallel wants to know what takes a gradient: so it is made anew.
        """
        for parameter in self._learning:
            parameter.requires_grad_(not rest)
        device = self._processes.device
        module: nn.Module = self.student
        if self._processes.world > 1:
            ids = [device.index] if device.type == "cuda" else None
            # Where a 1 x 1 convolution meets channels_last, a copy more: nothing to tell a user.
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
            with warnings.catch_warnings():
                # Newer torch has another word for it, which does not yet do the same.
                warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
                self._shared = module = DistributedDataParallel(
                    module, device_ids=ids, broadcast_buffers=False, gradient_as_bucket_view=True
                )
        # Around it, not inside: so the graph is cut where a bucket of gradients is full, and these
        # travel while the backward pass goes on.
        self.run_student = self._compiled(module)

    def _compiled(self, module: nn.Module) -> Callable[[list[Tensor]], Tensor]:
        return torch.compile(module) if self._compiles else module

    def part_of_batch(self, *, last: bool) -> AbstractContextManager[None]:
        """Surround forward and backward of a part: processes share gradients with the last one."""
        if not last and self._shared is not None:
            return self._shared.no_sync()
        return nullcontext()

    def set_rates(self, step: int) -> dict[str, float]:
        """Set the optimiser's rates and decay for a step, and return them."""
        recipe = self._recipe
        rates = {
            "backbone": schedules.learning_rate(recipe, step),
            "head": schedules.head_learning_rate(recipe, step),
        }
        decay = schedules.weight_decay(recipe, step)
        for group in self.optimiser.param_groups:
            group["lr"] = rates[group["part"]]
            group["weight_decay"] = decay if group["decays"] else 0.0
        return {"learning_rate": rates["backbone"], "weight_decay": decay}

    @torch.no_grad()
    def follow(self, momentum: float, mean: Tensor) -> None:
        """Move the teacher towards the student, and the centre towards the mean output.

        Parameters
        ----------
        momentum
            The part of the teacher's weights that stays.
        mean
            (K,), of this step's whole batch.
        """
        mine, theirs = zip(*self._followed, strict=True)
        torch._foreach_lerp_(list(theirs), list(mine), 1 - momentum)
        self.centre.lerp_(mean, 1 - self._recipe.centre_momentum)

    @torch.no_grad()
    def embed(self, pixels: Tensor) -> Tensor:
        """Return the teacher's (n, d) embeddings of uint8 (n, 3, h, w) pixels, as at inference."""
        self.teacher.eval()
        device = self._processes.device
        parts = [
            self.teacher.embed(part.to(device).float() / 255).float().cpu()
            for part in pixels.split(64)
        ]
        return torch.cat(parts)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it, as a checkpoint holds it."""
        return {
            "student": self.student.state_dict(),
            "teacher": self.teacher.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "centre": self.centre,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.student.load_state_dict(state["student"])
        self.teacher.load_state_dict(state["teacher"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.centre.copy_(state["centre"])


def _share(student: nn.Module, teacher: nn.Module, names: set[str]) -> None:
    """Let the teacher have the student's own parameters where these never change: half the room."""
    for name in names:
        place, _, key = name.rpartition(".")
        setattr(teacher.get_submodule(place), key, student.get_parameter(name))
