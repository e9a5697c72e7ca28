"""What a run will cost, measured before it starts, and how much of it fits into memory."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.cadence import SHARES
from fewshot_lab.pretrain.image_order import workers_here
from fewshot_lab.pretrain.label_check import MOST, PROBE
from fewshot_lab.pretrain.memory import is_out_of_memory, out_of_memory_sentence, peak_memory
from fewshot_lab.pretrain.noise_trial import NoiseTrial
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.words import duration

_MOST_ON_CPU = 32
"""Images tried at once where there is no GPU: more tell nothing new, and take longer."""


GPU_SPEED = 110
"""How many times as many images a second one H100 trains on as two CPU cores: EfficientNet-Lite0,
112 + 56 px (docs/pretraining.md). Other networks differ."""


@dataclass(frozen=True)
class CostEstimate:
    """A forecast.

    Attributes
    ----------
    images_per_second : float
        While training, over all processes.
    hours : float
        For all steps, on this machine as it is now, with all of `seconds`.
    memory_gb : float
        Of the GPU where there is one, else of the process.
    sentence : str
    seconds : dict
        What the hours are made of: ``training``, ``start`` (a first step, in which a GPU's code is
        compiled), ``checks`` and ``checkpoints``.
    gpu_hours : float
        What one GPU would take, by :data:`GPU_SPEED`; 0 where a GPU was measured.
    """

    images_per_second: float
    hours: float
    memory_gb: float
    sentence: str
    seconds: dict[str, float]
    gpu_hours: float = 0.0


def estimate_cost(
    recipe: Recipe,
    *,
    device: str = "cpu",
    seconds: float = 10.0,
    processes: int = 1,
    labelled: int = 0,
) -> CostEstimate:
    """Train on drawn noise for a few seconds and scale up; nothing is kept.

    In a process of its own, so that the memory is the run's and a page stays quick.

    Parameters
    ----------
    seconds
        How long to try, after a first step that warms up.
    processes
        How many share a batch; one of them is measured, and the others are taken to keep pace.
    labelled
        Images whose labels a check looks at.

    Raises
    ------
    FewshotLabError
        If it cannot be trained here: above all, if the memory is too small; then with the number
        of images that fit.
    """
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    asked = {
        "recipe": recipe.to_dict(),
        "device": device,
        "seconds": seconds,
        "processes": processes,
        "labelled": labelled,
    }
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


def measure(
    recipe: Recipe, device: str, seconds: float, processes: int, labelled: int
) -> CostEstimate:
    """Do in this process what :func:`estimate_cost` promises."""
    here = torch.device(device)
    part = max(1, recipe.batch_size // (recipe.accumulate * processes))
    some = part if here.type == "cuda" else min(part, _MOST_ON_CPU)
    try:
        began = time.perf_counter()
        trial = NoiseTrial(recipe, here)
        trial.step(trial.views(some))
        start = time.perf_counter() - began
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
        check = trial.seconds_to_embed(some) / some * (PROBE + min(labelled, MOST))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        memory = None
    else:
        memory = peak_memory(here)
    if memory is None:
        raise FewshotLabError(out_of_memory_sentence(recipe, here, part))
    workers = workers_here(recipe.workers)
    if here.type == "cuda":
        # Workers draw the next views meanwhile.
        per_image = max(trained, drawn / max(1, workers)) / (done * some)
    else:
        per_image = (trained + drawn / (2 if workers else 1)) / (done * some)
    training = recipe.steps * recipe.batch_size * per_image / processes
    between = training * (SHARES["check"] + SHARES["rank"])
    if recipe.check_steps:
        between = check * (recipe.steps // recipe.check_steps)
    parts = {
        "training": training,
        "start": start,
        "checks": 2 * check + between,
        "checkpoints": training * SHARES["checkpoint"],
    }
    total, rate = sum(parts.values()), processes / per_image
    each = f"; {processes} processes, if they keep pace with the one measured" * (processes > 1)
    sentence = (
        f"About {rate:,.0f} images a second here, so {duration(total)} for "
        f"{recipe.steps:,} steps of {recipe.batch_size}, checks, checkpoints and the start "
        f"({duration(total - training)}) included{each}; {memory:.1f} GB of memory."
    )
    threads = torch.get_num_threads() * processes
    gpu = 0.0 if here.type == "cuda" else training * threads / 2 / GPU_SPEED / 3600
    return CostEstimate(rate, total / 3600, memory, sentence, parts, gpu)


def _main() -> None:
    asked = json.load(sys.stdin)
    try:
        recipe = Recipe.from_dict(asked["recipe"])
        answer = asdict(measure(recipe, **{k: v for k, v in asked.items() if k != "recipe"}))
    except FewshotLabError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main()
