"""What training steps cost on this machine: measured on noise, and kept for an hour."""

import hashlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from fewshot_lab.allocator import freed_memory_kept
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_json
from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain.memory import is_out_of_memory, out_of_memory_sentence, peak_memory
from fewshot_lab.pretrain.noise_trial import NoiseTrial
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.processors import processors

_FIRST_ON_CPU, _MOST_ON_CPU = 2, 16
"""Images of the first step where there is no GPU, and at most of the others: more tell nothing
new, and take longer."""
_STEP_SECONDS = 4.0
"""A measured step's, about, where there is no GPU."""
_STEADY = 0.05
"""Standard error of the mean of the steps' seconds, as a part of it, that is sure enough."""
_FRESH_SECONDS = 3600.0
_VERSION = 2

# What a measured step does not depend on: how many there are, how they learn, when one looks.
_COST_NOTHING = {
    *("steps", "batch_size", "accumulate", "seed", "keep", "workers", "modality"),
    *("log_steps", "check_steps", "checkpoint_steps"),
    *("head_only_steps", "frozen_last_layer_steps", "warmup_steps", "teacher_temperature_warmup"),
    *("learning_rate", "head_learning_rate", "final_learning_rate"),
    *("weight_decay", "final_weight_decay", "ema_start", "ema_end", "centre_momentum"),
    *("student_temperature", "teacher_temperature", "teacher_temperature_start"),
}


@dataclass(frozen=True)
class StepCost:
    """What steps cost.

    Attributes
    ----------
    drawing, training, embedding : float
        Seconds for an image: its views; forward and backward; through the teacher at a check.
    update : float
        Seconds for a step, whatever its images: optimiser and teacher.
    start : float
        Seconds until the first step is done, in which a GPU's code is compiled.
    memory_gb, memory_per_image_gb : float
        The most in use with `images` at once, and what each more takes.
    images : int
        How many were tried at once.
    threads : int
    at : float
        When it was measured, in seconds since 1970.
    """

    drawing: float
    training: float
    embedding: float
    update: float
    start: float
    memory_gb: float
    memory_per_image_gb: float
    images: int
    threads: int
    at: float


def step_cost(
    recipe: Recipe, device: str, processes: int, *, seconds: float, again: bool = False
) -> StepCost:
    """Return what was measured here within the last hour, else measure; nothing else is kept.

    In a process of its own, so that the memory is the run's and a page stays quick.

    Parameters
    ----------
    recipe
    device
    processes
        How many share a batch; one of them is measured.
    seconds
        How long to try at most, after a first step that warms up.
    again
        Measure in any case.

    Raises
    ------
    FewshotLabError
        If it cannot be trained here: above all, if the memory is too small; then with the number
        of images that fit.
    """
    if not again and (known := known_step_cost(recipe, device, processes)) is not None:
        return known
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    asked = {"device": device, "processes": processes, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps({"recipe": recipe.to_dict(), **asked}),
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
    fresh = {key: cost for key, cost in _stored_costs().items() if _is_fresh(cost)}
    with suppress(OSError):  # then it is measured anew
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(), fresh | {_key(recipe, device, processes): answer}, lasting=False)
    return StepCost(**answer)


def known_step_cost(recipe: Recipe, device: str, processes: int) -> StepCost | None:
    """Return what was measured here within the last hour; None where nothing was."""
    cost = _stored_costs().get(_key(recipe, device, processes))
    return StepCost(**cost) if cost is not None and _is_fresh(cost) else None


def _file() -> Path:
    return home() / RUNS / ".cache" / "costs.json"


def _stored_costs() -> dict[str, dict[str, Any]]:
    return read_json(_file()) or {}


def _is_fresh(cost: dict[str, Any]) -> bool:
    return 0 <= time.time() - float(cost["at"]) < _FRESH_SECONDS


def _key(recipe: Recipe, device: str, processes: int) -> str:
    """Return what a measurement holds for: what costs in a recipe, and the machine."""
    values = {k: v for k, v in recipe.to_dict().items() if k not in _COST_NOTHING}
    part = _part(recipe, processes)
    machine = [platform.node(), device, processors(), os.environ.get("OMP_NUM_THREADS")]
    if device.startswith("cuda"):
        machine.append(torch.cuda.get_device_name(device))
    known = [_VERSION, torch.__version__, machine, part if machine[4:] else min(part, _MOST_ON_CPU)]
    text = json.dumps([values, known], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _part(recipe: Recipe, processes: int) -> int:
    return max(1, recipe.batch_size // (recipe.accumulate * processes))


def measure(recipe: Recipe, device: str, processes: int, seconds: float) -> StepCost:
    """Do in this process what :func:`step_cost` promises."""
    here = torch.device(device)
    part = _part(recipe, processes)
    on_gpu = here.type == "cuda"
    try:
        began = time.perf_counter()
        trial = NoiseTrial(recipe, here)
        images = first = part if on_gpu else min(part, _FIRST_ON_CPU)
        built = time.perf_counter()
        trial.step(trial.views(images))
        start = time.perf_counter() - began
        before = peak_memory(here)
        if not on_gpu:
            fits = int(_STEP_SECONDS * images / (time.perf_counter() - built))
            images = min(part, _MOST_ON_CPU, max(images, fits))
        laps: list[tuple[float, float, float]] = []
        began = time.perf_counter()
        while not laps or (time.perf_counter() - began < seconds and not _steady(laps)):
            clock = time.perf_counter()
            batch = trial.views(images)
            drawn = time.perf_counter() - clock
            laps.append((drawn, *trial.step(batch)))
        embedding = trial.seconds_to_embed(images) / images
        memory = peak_memory(here)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        drawing, training, update = (statistics.fmean(lap) for lap in zip(*laps, strict=True))
        return StepCost(
            drawing / images,
            training / images,
            embedding,
            update,
            start,
            memory,
            (memory - before) / (images - first) if images > first else 0.0,
            images,
            torch.get_num_threads(),
            time.time(),
        )
    # Out of the except block: while the error lives, so does all that filled the memory.
    raise FewshotLabError(out_of_memory_sentence(recipe, here, part))


def _steady(laps: list[tuple[float, float, float]]) -> bool:
    """Say whether the mean of the steps is known well enough."""
    if len(laps) < 3:
        return False
    totals = [sum(lap) for lap in laps]
    error = statistics.stdev(totals) / math.sqrt(len(totals))
    return error < _STEADY * statistics.fmean(totals)


def _main() -> None:
    asked = json.load(sys.stdin)
    try:
        recipe = Recipe.from_dict(asked.pop("recipe"))
        with freed_memory_kept():  # as in a run
            answer = asdict(measure(recipe, **asked))
    except FewshotLabError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
