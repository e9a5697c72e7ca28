"""DINO's training loop, from top to bottom (Caron et al. 2021, arXiv 2104.14294)."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import full_disk
from fewshot_lab.pretrain import checkpoints as checkpoints
from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.checkpoint_files import newest_step, path_of
from fewshot_lab.pretrain.crops import Crops, Views, collate
from fewshot_lab.pretrain.distributed import Ranks
from fewshot_lab.pretrain.image_cache import Decoded, decode, read_sources
from fewshot_lab.pretrain.image_order import StepSampler, seen
from fewshot_lab.pretrain.loss import dino_loss, entropy, target
from fewshot_lab.pretrain.monitor import Course
from fewshot_lab.pretrain.multi_crop_network import starting_backbone, train_mode
from fewshot_lab.pretrain.pictures import CROPS, draw_crops
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.student_teacher import Pair
from fewshot_lab.pretrain.timer import Laps
from fewshot_lab.pretrain.views import by_view, coloured_views
from fewshot_lab.progress import Progress
from fewshot_lab.signals import leave_to_parent

SPEC = "spec.json"
IMAGES = "images.jsonl"


def train(folder: Path, ranks: Ranks, *, progress: Progress) -> None:
    """Train the run of a folder to its end, from its newest checkpoint if it has one.

    Parameters
    ----------
    folder
        With ``spec.json`` (its ``recipe``) and ``images.jsonl``; everything is written there.
    ranks
        This process among those of the run; see :func:`fewshot_lab.pretrain.ranks`.
    progress
        Called by every process at every step; where it raises Stopped in one, all write the
        checkpoint of this step and stop, but for the last, after which they have finished.

    Raises
    ------
    FewshotLabError
        Before the first step for a recipe that cannot work here; later when the health check
        pauses the run, or a checkpoint cannot be written.
    Stopped
    """
    try:
        _train(folder, ranks, progress)
    except OSError as error:
        if full_disk(error) is None:
            raise
        raise FewshotLabError(
            f"The disk of {folder} is full ({error.strerror}): make room and resume the run; it "
            f"goes on from step {newest_step(folder):,}."
        ) from error


def _train(folder: Path, ranks: Ranks, progress: Progress) -> None:
    """Do what :func:`train` promises, in one piece."""
    spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    recipe = Recipe.from_dict(spec["recipe"])
    device = ranks.device
    if recipe.batch_size % (ranks.world * recipe.accumulate):
        raise FewshotLabError(
            f"batch_size {recipe.batch_size} cannot be shared equally by {ranks.world} processes "
            f"in {recipe.accumulate} parts each."
        )

    # ---- data: every image decoded once, then views by step -------------------------------
    data = decode(
        read_sources(folder / IMAGES),
        recipe.decoded_size,
        folder.parent / ".cache",
        progress=progress,
    )
    if len(data.sources) < recipe.batch_size:
        raise FewshotLabError(
            f"There are {len(data.sources)} readable images, fewer than a batch of "
            f"{recipe.batch_size}: take a smaller batch, or more images."
        )
    crops = Crops(data.pixels, recipe)

    # ---- student and teacher, from where they stopped ----------------------------------------
    stored = checkpoints.newest(folder, recipe)
    try:
        start = starting_backbone(recipe, stored)
    except FewshotLabError as error:
        raise FewshotLabError(
            f"{error} Without a checkpoint the run cannot do without what it starts from."
        ) from None
    pair = Pair(recipe, start, ranks)
    student, teacher = pair.student, pair.teacher
    course = Course(folder, recipe, start, data, pair, ranks)
    torch.manual_seed(recipe.seed + 2 + ranks.rank)
    step = 0
    if stored is not None:
        step = stored["step"]
        pair.load_state_dict(stored)
        course.load_state_dict(stored)
        if len(stored["random"]) == ranks.world:
            checkpoints.restore_random_states(stored["random"][ranks.rank])
    course.begun(step, resumed=stored is not None)
    del stored

    loader = DataLoader(
        crops,
        batch_sampler=StepSampler(
            len(data.sources),
            recipe.batch_size,
            step,
            recipe.steps,
            seed=recipe.seed,
            rank=ranks.rank,
            world=ranks.world,
        ),
        collate_fn=collate,
        num_workers=recipe.workers,
        pin_memory=device.type == "cuda",
        persistent_workers=False,
        prefetch_factor=4 if recipe.workers else None,
        # Of its own: else each resume would draw one more number from the one of drop path.
        generator=torch.Generator(),
        worker_init_fn=lambda _: leave_to_parent(),
    )
    batches = iter(loader)

    def save(at: int) -> None:
        """Write the checkpoint of the state before step `at`."""
        random = ranks.gather(checkpoints.random_states())
        if ranks.first:
            state = {"step": at, "recipe": recipe.to_dict(), "random": random}
            state["start"] = start.facts()
            checkpoints.write(
                path_of(folder, at),
                {**state, **pair.state_dict(), **course.state_dict()},
            )
            checkpoints.tidy(folder, recipe.keep, good_until=course.troubled_since)
        ranks.wait()

    if step == 0:
        progress("checking the start", 0, None)
        course.look(0)
        save(0)

    head_only = step < recipe.head_only_steps
    pair.rest_backbone(head_only)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
    laps = Laps(device)
    logged, since = step, time.perf_counter()

    # ---- the loop ---------------------------------------------------------------------------
    while step < recipe.steps:
        if head_only and step >= recipe.head_only_steps:
            head_only = False
            pair.rest_backbone(head_only)
        train_mode(student, pair.resting)
        train_mode(teacher, pair.resting)
        temperature = schedules.teacher_temperature(recipe, step)
        momentum = schedules.momentum(recipe, step)
        rates = pair.set_rates(step)

        laps.start()
        batch = next(batches)
        laps.lap("data")

        means, losses, entropies, kls = [], [], [], []
        for part in range(recipe.accumulate):
            views = coloured_views(batch, part, recipe.accumulate, device)
            if ranks.first and not (folder / CROPS).exists():
                draw_crops(
                    folder / CROPS, views, recipe.batch_size // ranks.world // recipe.accumulate
                )
            with pair.part_of_batch(last=part + 1 == recipe.accumulate):
                with autocast:
                    with torch.no_grad():
                        said = pair.run_teacher(views[:1])
                    outputs = pair.run_student(views)
                said = said.float().view(2, -1, recipe.prototypes)
                centre = pair.centre if recipe.centring else pair.centre * 0
                goal = target(said, centre, temperature)
                student_views = by_view(outputs, recipe)
                loss = dino_loss(student_views, goal.probabilities, recipe.student_temperature)
                laps.lap("forward")
                (loss / recipe.accumulate).backward()
                laps.lap("backward")
            means.append(said.mean((0, 1)))
            losses.append(loss.detach())
            entropies.append(goal.entropy)
            kls.append(goal.mean)

        # One centre, one clip, one step of optimiser and teacher for the whole batch.
        if step < recipe.frozen_last_layer_steps:
            student.head.prototypes.grad = None
        norm = nn.utils.clip_grad_norm_(
            [p for p in student.parameters() if p.grad is not None], recipe.clip or math.inf
        )
        loss_now = ranks.mean(torch.stack(losses).mean())
        sound = math.isfinite(float(loss_now)) and math.isfinite(float(norm))
        if sound:
            pair.optimiser.step()
            pair.follow(momentum, ranks.mean(torch.stack(means).mean(0)))
        pair.optimiser.zero_grad(set_to_none=True)
        laps.lap("update")
        step += 1

        # ---- what happened --------------------------------------------------------------------
        if step % recipe.log_steps == 0 or not sound or step == recipe.steps:
            spread = ranks.mean(torch.stack(kls).mean(0))
            sharp = ranks.mean(torch.stack(entropies).mean())
            now, seconds = time.perf_counter(), laps.take()
            numbers = {
                "epoch": step * recipe.batch_size / len(crops),
                "images": step * recipe.batch_size,
                "loss": float(loss_now),
                **rates,
                "momentum": momentum,
                "teacher_temperature": temperature,
                "teacher_entropy": float(sharp),
                "mean_entropy": float(entropy(spread)),
                "kl": float(loss_now) - float(sharp),
                "gradient_norm": float(norm),
                "images_per_second": (step - logged) * recipe.batch_size / (now - since),
                "waiting_share": seconds["data"] / max(sum(seconds.values()), 1e-9),
                "seconds": seconds,
            }
            logged, since = step, now
            if not sound:
                numbers["bad_images"] = _guilty(batch, data, recipe, ranks, step - 1)
            bad = course.log(step, numbers)
            if ranks.any(bad is not None):
                raise FewshotLabError(bad or "The run paused: see its events.")

        asked = False
        try:
            progress("pretraining", step, recipe.steps)
        except Stopped:
            # Not kept: an error that its own frame holds would keep the loader's workers, too.
            asked = True
        stopping = ranks.any(asked)
        if step % recipe.check_steps == 0 or step == recipe.steps:
            course.look(step)
        if step % recipe.checkpoint_steps == 0 or step == recipe.steps or stopping:
            save(step)
        if stopping and step < recipe.steps:
            raise Stopped("Stopped; the checkpoint is written.")


def _guilty(batch: Views, data: Decoded, recipe: Recipe, ranks: Ranks, step: int) -> list[str]:
    """Return the names of this process's images whose views are not numbers."""
    share = recipe.batch_size // ranks.world
    mine = seen(len(data.sources), recipe.batch_size, step, recipe.seed)
    rows = [row for _, row in mine[ranks.rank * share : (ranks.rank + 1) * share]]
    bad = ~torch.stack([v.float().isfinite().flatten(2).all(2).all(0) for v in batch.values()]).all(
        0
    )
    return [
        Path(data.sources[row].file).name for row, is_bad in zip(rows, bad, strict=True) if is_bad
    ]
