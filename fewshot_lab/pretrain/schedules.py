"""What changes over a run, as closed forms of the step."""

import math

from fewshot_lab.pretrain.recipe import Recipe


def cosine(step: int, steps: int, first: float, last: float) -> float:
    """Return the value at `step` of a half cosine from `first` (step 0) to `last` (last step)."""
    if steps <= 1:
        return first
    along = min(step, steps - 1) / (steps - 1)
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * along))


def warmed_cosine(step: int, steps: int, warmup: int, peak: float, last: float) -> float:
    """Return a value that rises linearly over `warmup` steps, then falls as a half cosine.

    It is ``peak / warmup`` at step 0, so that no step is wasted, and `peak` at step
    ``warmup - 1``.
    """
    warmup = min(warmup, steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return cosine(step - warmup, steps - warmup, peak, last)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the backbone's learning rate; its warm-up begins when it begins to learn."""
    rest = recipe.head_only_steps
    if step < rest:
        return 0.0
    return warmed_cosine(
        step - rest,
        max(1, recipe.steps - rest),
        recipe.warmup_steps,
        recipe.learning_rate,
        min(recipe.final_learning_rate, recipe.learning_rate),
    )


def head_learning_rate(recipe: Recipe, step: int) -> float:
    """Return the projection head's learning rate."""
    return warmed_cosine(
        step,
        recipe.steps,
        recipe.warmup_steps,
        recipe.head_learning_rate,
        min(recipe.final_learning_rate, recipe.head_learning_rate),
    )


def weight_decay(recipe: Recipe, step: int) -> float:
    """Return the weight decay."""
    return cosine(step, recipe.steps, recipe.weight_decay, recipe.final_weight_decay)


def momentum(recipe: Recipe, step: int) -> float:
    """Return the momentum of the teacher's weights."""
    return cosine(step, recipe.steps, recipe.ema_start, recipe.ema_end)


def teacher_temperature(recipe: Recipe, step: int) -> float:
    """Return the teacher's temperature: linear over its warm-up, then constant."""
    warmup = recipe.teacher_temperature_warmup
    if step >= warmup:
        return recipe.teacher_temperature
    first, last = recipe.teacher_temperature_start, recipe.teacher_temperature
    return first + (last - first) * step / warmup
