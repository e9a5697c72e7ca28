"""Watching a run: its metrics, its health, whether it helps, and the backbone so far."""

import copy
import math
from pathlib import Path
from typing import Any

from torch import nn

from fewshot_lab.files import write_json
from fewshot_lab.pretrain import checkpoints as checkpoints
from fewshot_lab.pretrain import metrics as metrics
from fewshot_lab.pretrain.backbone_file import LAST, write_teacher
from fewshot_lab.pretrain.checkpoint_writer import CheckpointWriter
from fewshot_lab.pretrain.distributed import ProcessGroup
from fewshot_lab.pretrain.health import HealthCheck, effective_rank
from fewshot_lab.pretrain.image_cache import DecodedImages
from fewshot_lab.pretrain.label_check import LabelCheck
from fewshot_lab.pretrain.multi_crop_network import StartingBackbone
from fewshot_lab.pretrain.pictures import attention_file, draw_attention
from fewshot_lab.pretrain.projection_head import BACKBONE, HEAD, write_head
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.student_teacher import StudentTeacher

_IN_PICTURES = 8


class RunMonitor:
    """Metrics, health, check and backbone of a run; the first process alone writes.

    Parameters
    ----------
    folder
        The run's.
    recipe
    start
    data
    networks
    processes
    writer
        Of its checkpoints.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        start: StartingBackbone,
        data: DecodedImages,
        networks: StudentTeacher,
        processes: ProcessGroup,
        writer: CheckpointWriter,
    ) -> None:
        self._folder, self._recipe, self._start, self._data = folder, recipe, start, data
        self._networks, self._processes, self._writer = networks, processes, writer
        self._health = HealthCheck(recipe)
        self._check = LabelCheck(data, recipe) if processes.first else None
        self._beside: nn.Module | None = None
        self._best: dict[str, Any] = {"value": None, "step": 0}

    @property
    def troubled_since(self) -> int | None:
        """The step at which what is being watched began, or None while all is well."""
        return self._health.troubled_since

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "best": dict(self._best),
            "health": self._health.state_dict(),
            "check": self._check.state_dict() if self._check is not None else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._best = state["best"]
        self._health.load_state_dict(state["health"])
        if self._check is not None:
            self._check.load_state_dict(state.get("check", {}))

    def begin(self, step: int, *, resumed: bool) -> None:
        """Write down where the run begins; what was measured after that is no longer so."""
        if not self._processes.first:
            return
        metrics.cut(self._folder, step if resumed else -1)
        if resumed:
            self._event(step, "resumed", f"Resumed at step {step}.")
        else:
            self._event(0, "started", f"Started from {self._start.sentence}.")
        if self._data.note:
            self._event(step, "cache", self._data.note)

    def _event(self, step: int, name: str, sentence: str, **more: Any) -> None:
        values = {"advice": "", "action": "noted", **more}
        metrics.append(self._folder, "event", step, name=name, sentence=sentence, **values)

    def check(self, step: int) -> None:
        """Answer “is it helping?” and write the backbone as it is now."""
        if self._check is None:
            return
        recipe, folder, networks = self._recipe, self._folder, self._networks
        answer = self._check(networks.embed)
        epoch = step * recipe.batch_size / len(self._data.images)
        metrics.append(folder, "check", step, epoch=epoch, **answer)
        if step == 0:
            self._health.begin(answer["rank"])
        value, best = self._check.measure(answer), self._best["value"]
        # Without labels the newest is handed over, but for one that is in trouble.
        better = self.troubled_since is None if value is None else best is None or value > best
        if better or step == 0:
            self._best.update(value=value, step=step)
        probe = self._check.probe[:_IN_PICTURES]
        device = self._processes.device
        draw_attention(folder / attention_file(step), networks.teacher, probe, device)
        if better or step == 0:
            state = networks.state_dict()
            write_head(folder / HEAD, state["teacher"], state["centre"], step)
            self._write(BACKBONE, step, networks.teacher.backbone)

    def write_last(self, state: dict[str, Any]) -> None:
        """Write the backbone of a checkpoint as the newest there is; beside the training."""
        if self._beside is None:
            self._beside = copy.deepcopy(self._networks.teacher.backbone).cpu()
        weights = {
            key.removeprefix("backbone."): value
            for key, value in state["teacher"].items()
            if key.startswith("backbone.")
        }
        self._beside.load_state_dict(weights)
        self._write(LAST, state["step"], self._beside)

    def _write(self, name: str, step: int, backbone: nn.Module) -> None:
        write_teacher(
            self._folder / name, backbone, self._start, self._recipe, self._data, self._best, step
        )

    def log(self, step: int, numbers: dict[str, Any], with_rank: bool) -> str | None:
        """Write a row of numbers, and what the health check says of it.

        Parameters
        ----------
        step
        numbers
        with_rank
            Measure the effective rank, too, which takes a pass over the probe.

        Returns
        -------
        str or None
            The sentence with which the run pauses.
        """
        sound = math.isfinite(numbers["loss"]) and math.isfinite(numbers["gradient_norm"])
        if self._check is not None and sound and with_rank:
            numbers["rank"] = effective_rank(self._networks.embed(self._check.probe))
        findings = self._health.look({"step": step, **numbers})
        if self._processes.first:
            row = {k: v for k, v in numbers.items() if k != "bad_images"}
            metrics.append(self._folder, "step", step, **row)
            write_json(self._folder / metrics.HEALTH, self._health.summary(step))
            for finding in findings:
                self._event(
                    step,
                    finding.name,
                    finding.sentence,
                    advice=finding.advice,
                    action=finding.action,
                    changes=finding.changes,
                    bad_images=numbers.get("bad_images", []),
                )
        worst = next((each for each in findings if each.action != "noted"), None)
        if worst is None:
            return None
        self._writer.wait()
        back = checkpoints.roll_back(self._folder, worst.since) if self._processes.first else None
        where = "" if back is None else f" The checkpoint of step {back:,}, from before, is kept."
        return f"{worst.sentence} {worst.advice}{where}"
