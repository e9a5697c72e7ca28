"""What a run will cost, told before it starts."""

import time
from dataclasses import dataclass

from fewshot_lab.pretrain.cadence import SHARES
from fewshot_lab.pretrain.image_order import workers_here
from fewshot_lab.pretrain.label_check import MOST, PROBE
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.step_cost import StepCost, known_step_cost, step_cost
from fewshot_lab.words import ago, duration

GPU_SPEED = 110
"""How many times as many images a second one H100 trains on as two CPU cores: EfficientNet-Lite0,
112 + 56 px (docs/pretraining.md). Other networks differ."""
_LONG, _SHORT = 3 * 3600.0, 2 * 3600.0
_LEAST_STEPS = 160
"""Fewer steps were never seen to help (docs/pretraining.md)."""


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
    fixed_seconds : float
        Those that do not grow with the steps.
    """

    images_per_second: float
    hours: float
    memory_gb: float
    sentence: str
    seconds: dict[str, float]
    gpu_hours: float = 0.0
    fixed_seconds: float = 0.0


def estimate_cost(
    recipe: Recipe,
    *,
    device: str = "cpu",
    seconds: float = 10.0,
    processes: int = 1,
    labelled: int = 0,
    again: bool = False,
) -> CostEstimate:
    """Return what a run will cost, from a few steps on noise, which are kept for an hour.

    Parameters
    ----------
    recipe
    device
    seconds
        How long to try at most, after a first step that warms up.
    processes
        How many share a batch; one of them is measured, and the others are taken to keep pace.
    labelled
        Images whose labels a check looks at.
    again
        Measure in any case.

    Raises
    ------
    FewshotLabError
        See :func:`fewshot_lab.pretrain.step_cost.step_cost`.
    """
    cost = step_cost(recipe, device, processes, seconds=seconds, again=again)
    return forecast(recipe, cost, device=device, processes=processes, labelled=labelled)


def known_cost(
    recipe: Recipe, *, device: str = "cpu", processes: int = 1, labelled: int = 0
) -> CostEstimate | None:
    """Return what a run will cost where steps like its own were measured within the last hour."""
    cost = known_step_cost(recipe, device, processes)
    if cost is None:
        return None
    return forecast(recipe, cost, device=device, processes=processes, labelled=labelled)


def forecast(
    recipe: Recipe, cost: StepCost, *, device: str, processes: int, labelled: int
) -> CostEstimate:
    """Scale what steps cost up to a run."""
    workers = workers_here(recipe.workers)
    on_gpu = device.startswith("cuda")
    if on_gpu:  # workers draw the next views meanwhile
        per_image = max(cost.training, cost.drawing / max(1, workers))
    else:
        per_image = cost.training + cost.drawing / (2 if workers else 1)
    step = recipe.batch_size / processes * per_image + cost.update
    training = recipe.steps * step
    check = cost.embedding * (PROBE + min(labelled, MOST))
    between = training * (SHARES["check"] + SHARES["rank"])
    if recipe.check_steps:
        between = check * (recipe.steps // recipe.check_steps)
    parts = {
        "training": training,
        "start": cost.start,
        "checks": 2 * check + between,
        "checkpoints": training * SHARES["checkpoint"],
    }
    total, rate = sum(parts.values()), recipe.batch_size / step
    part = recipe.batch_size // (recipe.accumulate * processes)
    memory = cost.memory_gb + max(0, part - cost.images) * cost.memory_per_image_gb
    each = f"; {processes} processes, if they keep pace with the one measured" * (processes > 1)
    measured = f" Measured {ago(cost.at)}." if time.time() - cost.at > 60 else ""
    speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
    sentence = (
        f"About {speed} images a second here, so {duration(total)} for "
        f"{recipe.steps:,} steps of {recipe.batch_size}, checks, checkpoints and the start "
        f"({duration(total - training)}) included{each}; {memory:.1f} GB of memory.{measured}"
    )
    threads = cost.threads * processes
    gpu = 0.0 if on_gpu else training * threads / 2 / GPU_SPEED / 3600
    fixed = cost.start + 2 * check
    return CostEstimate(rate, total / 3600, memory, sentence, parts, gpu, fixed)


def shorter_steps(recipe: Recipe, cost: CostEstimate) -> int | None:
    """Return how many steps take two hours, where a run would take more than three.

    Returns
    -------
    int or None
        None where the run is short enough, or of few steps as it is; 0 where so few fit that they
        were never seen to help.
    """
    if 3600 * cost.hours <= _LONG or recipe.steps <= _LEAST_STEPS:
        return None
    fitting = int((_SHORT - cost.fixed_seconds) / _seconds_per_step(recipe, cost))
    return fitting if fitting >= _LEAST_STEPS else 0


def shorter_sentence(recipe: Recipe, cost: CostEstimate, n_images: int) -> str:
    """Return what a shorter run would be and take; empty where the run is short enough."""
    steps = shorter_steps(recipe, cost)
    if steps is None:
        return ""
    per_step = _seconds_per_step(recipe, cost)
    takes = duration(cost.fixed_seconds + per_step * (steps or _LEAST_STEPS))
    if not steps:
        return (
            f"Even {_LEAST_STEPS} steps, the fewest that were seen to help, would take {takes} "
            "here: take smaller crops (global_size, local_size), or a GPU."
        )
    before, after = recipe.epochs(n_images), recipe.changed(steps=steps).epochs(n_images)
    return (
        f"A smaller recipe, {passes(after)} over the images instead of "
        f"{passes(before).partition(' ')[0]}: {takes}, expected gain unknown."
    )


def passes(epochs: float) -> str:
    """Return a number of passes over the images in words: "12 passes", "0.4 passes"."""
    number = f"{epochs:.0f}" if epochs >= 10 else f"{epochs:.2g}"
    return f"{number} {'pass' if number == '1' else 'passes'}"


def _seconds_per_step(recipe: Recipe, cost: CostEstimate) -> float:
    return (3600 * cost.hours - cost.fixed_seconds) / recipe.steps
