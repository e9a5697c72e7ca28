"""DINO's training loop, from top to bottom (Caron et al. 2021, arXiv 2104.14294)."""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import torch
from timm.utils import adaptive_clip_grad
from torch import nn
from torch.utils.data import DataLoader

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import full_disk, read_json, write_json
from fewshot_lab.pretrain import checkpoints as checkpoints
from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.cadence import Cadence
from fewshot_lab.pretrain.checkpoint_writer import CheckpointWriter
from fewshot_lab.pretrain.crops import (
    CropDataset,
    by_view,
    collate,
    coloured_views,
    rows_not_finite,
)
from fewshot_lab.pretrain.distributed import ProcessGroup
from fewshot_lab.pretrain.image_cache import UNREADABLE, RunImage, decode_images
from fewshot_lab.pretrain.image_order import StepSampler, workers_here
from fewshot_lab.pretrain.loss import dino_loss, entropy, teacher_target
from fewshot_lab.pretrain.monitor import RunMonitor
from fewshot_lab.pretrain.multi_crop_network import starting_backbone, train_mode
from fewshot_lab.pretrain.pictures import CROPS, draw_crops
from fewshot_lab.pretrain.preflight import check_shares
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.pretrain.student_teacher import StudentTeacher
from fewshot_lab.pretrain.timer import StepTimer
from fewshot_lab.progress import Progress
from fewshot_lab.signals import leave_to_parent


def train(
    folder: Path,
    recipe: Recipe,
    images: Sequence[RunImage],
    processes: ProcessGroup,
    *,
    progress: Progress,
) -> None:
    """Train a run to its end, from its newest checkpoint if it has one.

    Parameters
    ----------
    folder
        The run's; everything is written there.
    recipe
    images
    processes
        Of the run; see :func:`fewshot_lab.pretrain.process_group`.
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
        with CheckpointWriter(folder, recipe.keep) as writer:
            _train(folder, recipe, images, processes, progress, writer)
    except OSError as error:
        if full_disk(error) is None:
            raise
        raise FewshotLabError(
            f"The disk of {folder} is full ({error.strerror}): make room and resume the run; it "
            f"goes on from step {checkpoints.newest_step(folder):,}."
        ) from error


def _train(
    folder: Path,
    recipe: Recipe,
    images: Sequence[RunImage],
    processes: ProcessGroup,
    progress: Progress,
    writer: CheckpointWriter,
) -> None:
    """Do what :func:`train` promises, in one piece."""
    device = processes.device
    check_shares(recipe, processes.world)

    # ---- data: every image decoded once, then views by step -------------------------------
    cache = folder.parent / ".cache"
    # A run that goes on sees the images it began with.
    left_out = processes.of_first(lambda: read_json(folder / UNREADABLE))
    data = decode_images(
        images,
        recipe.decoded_size,
        cache,
        resize=recipe.resize,
        processes=processes,
        again=left_out is None,
        progress=progress,
    ).without(left_out or ())
    if left_out is None and processes.first:
        write_json(folder / UNREADABLE, data.unreadable)
    if len(data.images) < recipe.batch_size:
        raise FewshotLabError(
            f"There are {len(data.images)} readable images, fewer than a batch of "
            f"{recipe.batch_size}: take a smaller batch, or more images."
        )
    crops = CropDataset(data.pixels, recipe)

    # ---- student and teacher, from where they stopped ----------------------------------------
    stored = checkpoints.newest(folder, recipe.to_dict())
    try:
        start = starting_backbone(recipe, stored)
    except FewshotLabError as error:
        raise FewshotLabError(
            f"{error} Without a checkpoint the run cannot do without what it starts from."
        ) from None
    networks = StudentTeacher(recipe, start, processes)
    student, teacher = networks.student, networks.teacher
    monitor = RunMonitor(folder, recipe, start, data, networks, processes, writer)
    torch.manual_seed(recipe.seed + 2 + processes.rank)
    step = 0
    if stored is not None:
        step = stored["step"]
        networks.load_state_dict(stored)
        monitor.load_state_dict(stored)
        if len(stored["random"]) == processes.world:
            checkpoints.restore_random_states(stored["random"][processes.rank])
    monitor.begin(step, resumed=stored is not None)
    del stored

    workers = workers_here(recipe.workers)
    sampler = StepSampler(
        len(data.images),
        recipe.batch_size,
        step,
        recipe.steps,
        seed=recipe.seed,
        rank=processes.rank,
        world=processes.world,
    )
    loader = DataLoader(
        crops,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        persistent_workers=False,
        prefetch_factor=4 if workers else None,
        # Of its own: else each resume would draw one more number from the one of drop path.
        generator=torch.Generator(),
        worker_init_fn=leave_to_parent,
    )
    batches = iter(loader)
    cadence = Cadence(recipe)

    def save(at: int) -> None:
        """Have the state before step `at` written, while the training goes on."""
        with cadence.taking("checkpoint"):
            random = processes.gather(checkpoints.random_states())
            if processes.first:
                state = {"step": at, "recipe": recipe.to_dict(), "random": random}
                state["start"] = start.facts()
                state |= networks.state_dict() | monitor.state_dict()
                writer.write(state, monitor.troubled_since, also=monitor.write_last)

    if step == 0:
        progress("checking the start", 0, None)
        with cadence.taking("check"):
            monitor.check(0)
        save(0)

    networks.rest_backbone(head_only := step < recipe.head_only_steps)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
    timer = StepTimer(device)
    images_at_once = recipe.batch_size // processes.world // recipe.accumulate
    drawn = not processes.first or (folder / CROPS).exists()
    bad_at = torch.full((), -1, device=device)  # the first step whose numbers are none
    stop_requested = False
    cadence.begin(step)
    look_at = min(step + 1, recipe.steps)
    logged, since = step, time.perf_counter()

    # ---- the loop: on a GPU it runs ahead, and is waited for at the looks alone ---------------
    while step < recipe.steps:
        if head_only and step >= recipe.head_only_steps:
            head_only = False
            networks.rest_backbone(head_only)
        train_mode(student, networks.resting)
        train_mode(teacher, networks.resting)
        temperature = schedules.teacher_temperature(recipe, step)
        momentum = schedules.momentum(recipe, step)
        rates = networks.set_rates(step)

        timer.start()
        batch = next(batches)
        timer.lap("data")

        output_means, losses, entropies, target_means = [], [], [], []
        for part in range(recipe.accumulate):
            views = coloured_views(batch, part, recipe, device)
            if not drawn:
                draw_crops(folder / CROPS, views, images_at_once)
                drawn = True
            with networks.part_of_batch(last=part + 1 == recipe.accumulate):
                with autocast:
                    with torch.no_grad():
                        teacher_outputs = networks.run_teacher(views[:1])
                    student_outputs = networks.run_student(views)
                teacher_outputs = by_view(teacher_outputs, images_at_once)
                student_outputs = by_view(student_outputs, images_at_once)
                centre = networks.centre if recipe.centring else networks.centre * 0
                target = teacher_target(teacher_outputs, centre, temperature)
                loss = dino_loss(student_outputs, target.probabilities, recipe.student_temperature)
                timer.lap("forward")
                (loss / recipe.accumulate).backward()
                timer.lap("backward")
            output_means.append(teacher_outputs.mean((0, 1)))
            losses.append(loss.detach())
            entropies.append(target.entropy)
            target_means.append(target.mean)

        # One centre, one clip, one step of optimiser and teacher for the whole batch.
        if step < recipe.frozen_last_layer_steps:
            student.head.prototypes.grad = None
        norm = nn.utils.clip_grad_norm_(
            [p for p in student.parameters() if p.grad is not None], recipe.clip or math.inf
        )
        if recipe.adaptive_clip:
            adaptive_clip_grad(student.parameters(), recipe.adaptive_clip)
        loss_here = torch.stack(losses).mean()
        sound = loss_here.isfinite() & norm.isfinite()
        bad_at = torch.where((bad_at < 0) & ~sound, step, bad_at)
        networks.optimiser.step()
        networks.follow(momentum, processes.mean(torch.stack(output_means).mean(0)))
        networks.optimiser.zero_grad(set_to_none=True)
        timer.lap("update")
        step += 1
        try:
            progress("pretraining", step, recipe.steps)
        except Stopped:
            # Not kept: an error that its own frame holds would keep the loader's workers, too.
            stop_requested = True
        if step < look_at and not (stop_requested and processes.world == 1):
            continue

        # ---- a look: what happened, what is due ------------------------------------------------
        stopping = processes.any(stop_requested)
        bad_steps = [at for at in processes.gather(int(bad_at)) if at >= 0]
        loss_now = float(processes.mean(loss_here))
        sharp = float(processes.mean(torch.stack(entropies).mean()))
        spread = float(entropy(processes.mean(torch.stack(target_means).mean(0))))
        seconds, took = timer.take(), time.perf_counter() - since
        numbers = {
            "epoch": step * recipe.batch_size / len(crops),
            "images": step * recipe.batch_size,
            "loss": math.nan if bad_steps else loss_now,
            **rates,
            "momentum": momentum,
            "teacher_temperature": temperature,
            "teacher_entropy": sharp,
            "mean_entropy": spread,
            "kl": loss_now - sharp,
            "gradient_norm": float(norm),
            "images_per_second": (step - logged) * recipe.batch_size / took,
            "waiting_share": seconds["data"] / max(sum(seconds.values()), 1e-9),
            "seconds": seconds,
        }
        if bad_steps:
            rows = rows_not_finite(crops, sampler.images_of(min(bad_steps)))
            numbers["bad_images"] = [data.images[row].file.name for row in rows]
        due, look_at = processes.of_first(partial(cadence.plan, step, busy=writer.busy))
        with cadence.taking("rank") if "rank" in due else nullcontext():
            pause = monitor.log(min(bad_steps) + 1 if bad_steps else step, numbers, "rank" in due)
        if processes.any(pause is not None):
            raise FewshotLabError(pause or "The run paused: see its events.")
        if "check" in due:
            with cadence.taking("check"):
                monitor.check(step)
        if "checkpoint" in due or stopping:
            save(step)
        if stopping and step < recipe.steps:
            writer.wait()
            raise Stopped("Stopped; the checkpoint is written.")
        logged, since = step, time.perf_counter()
    writer.wait()
    processes.wait()
