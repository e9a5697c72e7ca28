"""DINO's training loop, from top to bottom (Caron et al. 2021, arXiv 2104.14294)."""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import write_atomically
from fewshot_lab.pretrain import _checkpoints as checkpoints
from fewshot_lab.pretrain import _metrics as metrics
from fewshot_lab.pretrain import _schedules as schedules
from fewshot_lab.pretrain._cache import Decoded, decode, read_sources
from fewshot_lab.pretrain._check import Check
from fewshot_lab.pretrain._crops import Crops, Views, collate
from fewshot_lab.pretrain._health import Health, effective_rank
from fewshot_lab.pretrain._laps import Laps
from fewshot_lab.pretrain._loss import dino_loss, entropy, target
from fewshot_lab.pretrain._network import (
    Embed,
    Start,
    starting_backbone,
    student_and_teacher,
    train_mode,
)
from fewshot_lab.pretrain._order import StepSampler, seen
from fewshot_lab.pretrain._pictures import CROPS, attention_file, draw_attention, draw_crops
from fewshot_lab.pretrain._ranks import Ranks
from fewshot_lab.pretrain._recipe import Recipe
from fewshot_lab.pretrain._result import BACKBONE, LAST, write_backbone
from fewshot_lab.pretrain._synced_norm import synced_norms
from fewshot_lab.pretrain._views import by_view, coloured_views
from fewshot_lab.progress import Progress

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
        checkpoint of this step and stop.

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
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FewshotLabError(
            f"The disk of {folder} is full ({error.strerror}): make room and resume the run; it "
            f"goes on from step {metrics.newest_step(folder):,}."
        ) from error


def _train(folder: Path, ranks: Ranks, progress: Progress) -> None:
    """Do what :func:`train` promises, in one piece."""
    spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    recipe = Recipe.from_dict(spec["recipe"])
    device, first = ranks.device, ranks.first
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

    # ---- student and teacher ----------------------------------------------------------------
    start = starting_backbone(recipe)
    student, teacher = student_and_teacher(recipe, start)
    if ranks.world > 1:
        synced_norms(student, device)
        synced_norms(teacher, device)
    student.to(device)
    teacher.to(device)
    resting = {n for n, p in student.backbone.named_parameters() if not p.requires_grad}
    learning = [p for n, p in student.backbone.named_parameters() if n not in resting]
    groups = _groups(student, resting)
    optimiser = torch.optim.AdamW(groups, lr=0.0, fused=device.type == "cuda")
    pairs = [
        (mine, theirs)
        for (name, mine), theirs in zip(
            student.named_parameters(), teacher.parameters(), strict=True
        )
        if name.removeprefix("backbone.") not in resting
    ]
    centre = torch.zeros(recipe.prototypes, device=device)
    check = Check(data, recipe) if first else None
    health = Health(recipe)
    torch.manual_seed(recipe.seed + 2 + ranks.rank)

    # ---- from where it stopped --------------------------------------------------------------
    step = 0
    best: dict[str, Any] = {"value": -math.inf, "step": 0}
    stored = checkpoints.newest(folder, recipe)
    if stored is not None:
        step = stored["step"]
        student.load_state_dict(stored["student"])
        teacher.load_state_dict(stored["teacher"])
        optimiser.load_state_dict(stored["optimiser"])
        centre.copy_(stored["centre"])
        best = stored["best"]
        health.load_state_dict(stored["health"])
        if check is not None:
            check.load_state_dict(stored.get("check", {}))
        states = stored["random"]
        if len(states) == ranks.world:
            checkpoints.restore_random_states(states[ranks.rank])
        if first:
            metrics.cut(folder, step)
            metrics.append(
                folder,
                "event",
                step,
                name="resumed",
                sentence=f"Resumed at step {step}.",
                advice="",
                action="noted",
            )
        del stored
    elif first:
        metrics.cut(folder, -1)
        sentence = f"Started from {start.sentence}."
        metrics.append(
            folder, "event", 0, name="started", sentence=sentence, advice="", action="noted"
        )

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
    )
    batches = iter(loader)

    def save(at: int) -> None:
        """Write the checkpoint of the state before step `at`."""
        everyone: list[Any] = [checkpoints.random_states()]
        if ranks.world > 1:
            everyone = [None] * ranks.world
            torch.distributed.all_gather_object(everyone, checkpoints.random_states())
        if first:
            state = {
                "step": at,
                "recipe": recipe.to_dict(),
                "student": student.state_dict(),
                "teacher": teacher.state_dict(),
                "optimiser": optimiser.state_dict(),
                "centre": centre,
                "best": best,
                "health": health.state_dict(),
                "check": check.state_dict() if check is not None else {},
                "random": everyone,
            }
            checkpoints.write(checkpoints.path_of(folder, at), state)
            checkpoints.tidy(folder, recipe.keep, good_until=health.troubled_since)
        ranks.wait()

    def look(at: int) -> None:
        """Answer “is it helping?” and write the backbone as it is now."""
        if check is None:
            return
        answer = check(lambda pixels: _embed(teacher, pixels, device))
        metrics.append(folder, "check", at, epoch=at * recipe.batch_size / len(crops), **answer)
        if at == 0:
            health.begin(answer["rank"])
        value = check.measure(answer)
        if value > best["value"]:
            best.update(value=value, step=at)
            _hand_over(folder / BACKBONE, teacher, start, recipe, data, best, at)
        draw_attention(folder / attention_file(at), teacher, check.probe[:8], device)
        _hand_over(folder / LAST, teacher, start, recipe, data, best, at)

    if step == 0:
        look(0)
        save(0)

    wrapped, head_only = _wrapped(student, recipe, ranks, step, learning)
    compiling = recipe.compile and device.type == "cuda"
    seen_by_teacher: Callable[[list[Tensor]], Tensor] = (
        torch.compile(teacher) if compiling else teacher
    )
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
    laps = Laps(device)
    logged, since = step, time.perf_counter()

    # ---- the loop ---------------------------------------------------------------------------
    while step < recipe.steps:
        if head_only and step >= recipe.head_only_steps:
            wrapped, head_only = _wrapped(student, recipe, ranks, step, learning)
        train_mode(student, resting)
        train_mode(teacher, resting)
        temperature = schedules.teacher_temperature(recipe, step)
        rates = {
            "backbone": schedules.learning_rate(recipe, step),
            "head": schedules.head_learning_rate(recipe, step),
        }
        decay = schedules.weight_decay(recipe, step)
        for group in optimiser.param_groups:
            group["lr"] = rates[group["part"]]
            group["weight_decay"] = decay if group["decays"] else 0.0

        laps.start()
        batch = next(batches)
        laps.lap("data")

        means, losses, entropies, kls = [], [], [], []
        for part in range(recipe.accumulate):
            views = coloured_views(batch, part, recipe.accumulate, device)
            if first and not (folder / CROPS).exists():
                draw_crops(
                    folder / CROPS, views, recipe.batch_size // ranks.world // recipe.accumulate
                )
            with autocast:
                with torch.no_grad():
                    said = seen_by_teacher(views[:1])
                outputs = wrapped(views)
            said = said.float().view(2, -1, recipe.prototypes)
            goal = target(said, centre if recipe.centring else centre * 0, temperature)
            student_views = by_view(outputs, recipe)
            loss = dino_loss(student_views, goal.probabilities, recipe.student_temperature)
            laps.lap("forward")
            if part + 1 < recipe.accumulate and isinstance(wrapped, DistributedDataParallel):
                with wrapped.no_sync():
                    (loss / recipe.accumulate).backward()
            else:
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
            optimiser.step()
            keep = schedules.momentum(recipe, step)
            with torch.no_grad():
                mine, theirs = zip(*pairs, strict=True)
                torch._foreach_lerp_(list(theirs), list(mine), 1 - keep)
                mean = ranks.mean(torch.stack(means).mean(0))
                centre.lerp_(mean, 1 - recipe.centre_momentum)
        optimiser.zero_grad(set_to_none=True)
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
                "learning_rate": rates["backbone"],
                "weight_decay": decay,
                "momentum": schedules.momentum(recipe, step - 1),
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
            if check is not None and sound and health.wants_rank(step):
                embedded = _embed(teacher, check.probe, device)
                numbers["rank"] = effective_rank(embedded)
            if first:
                metrics.append(folder, "step", step, **numbers)
            if not sound:
                numbers["bad_images"] = _guilty(batch, data, recipe, ranks, step - 1)
            bad = _judge(folder, health, step, numbers, first)
            if ranks.any(bad is not None):
                raise FewshotLabError(bad or "The run paused: see its events.")

        stop: Stopped | None = None
        try:
            progress("pretraining", step, recipe.steps)
        except Stopped as asked:
            stop = asked
        stopping = ranks.any(stop is not None)
        if step % recipe.check_steps == 0 or step == recipe.steps:
            look(step)
        if step % recipe.checkpoint_steps == 0 or step == recipe.steps or stopping:
            save(step)
        if stopping:
            raise stop or Stopped("Stopped; the checkpoint is written.")


def _groups(student: Embed, resting: set[str]) -> list[dict[str, Any]]:
    """Return what the optimiser moves; biases and norms do not decay (as in DINO)."""
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in student.named_parameters():
        part, _, inner = name.partition(".")
        if part == "backbone" and inner in resting:
            continue
        groups.setdefault((part, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": found, "part": part, "decays": decays}
        for (part, decays), found in groups.items()
    ]


def _wrapped(
    student: Embed, recipe: Recipe, ranks: Ranks, step: int, learning: list[nn.Parameter]
) -> tuple[Callable[[list[Tensor]], Tensor], bool]:
    """Return what runs the student now, and whether its backbone rests in these first steps.

    DistributedDataParallel wants to know what takes a gradient: so it is made anew when the
    backbone begins to learn.
    """
    head_only = step < recipe.head_only_steps
    for parameter in learning:
        parameter.requires_grad_(not head_only)
    module: Any = student
    if recipe.compile and ranks.device.type == "cuda":
        module = torch.compile(student)
    if ranks.world > 1:
        ids = [ranks.device.index] if ranks.device.type == "cuda" else None
        module = DistributedDataParallel(module, device_ids=ids, broadcast_buffers=False)
    return module, head_only


@torch.no_grad()
def _embed(network: Embed, pixels: Tensor, device: torch.device) -> Tensor:
    """Return (n, d) embeddings of uint8 (n, 3, h, w) pixels, as at inference."""
    network.eval()
    found = [
        network.embed(part.to(device).float() / 255).float().cpu() for part in pixels.split(64)
    ]
    return torch.cat(found)


def _judge(
    folder: Path, health: Health, step: int, numbers: dict[str, Any], first: bool
) -> str | None:
    """Write down what the health check says; return the sentence with which the run pauses."""
    findings = health.look({"step": step, **numbers})
    if first:
        text = json.dumps(health.summary(step), ensure_ascii=False)
        write_atomically(folder / metrics.HEALTH, text.encode())
        for found in findings:
            metrics.append(
                folder,
                "event",
                step,
                name=found.name,
                sentence=found.sentence,
                advice=found.advice,
                action=found.action,
                changes=found.changes,
                bad_images=numbers.get("bad_images", []),
            )
    pausing = [found for found in findings if found.action != "noted"]
    if not pausing:
        return None
    worst = pausing[0]
    back = checkpoints.roll_back(folder, worst.since) if first else None
    where = "" if back is None else f" The checkpoint of step {back:,}, from before, is kept."
    return f"{worst.sentence} {worst.advice}{where}"


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


def _hand_over(
    path: Path,
    teacher: Embed,
    start: Start,
    recipe: Recipe,
    data: Decoded,
    best: dict[str, Any],
    step: int,
) -> None:
    import dataclasses
    import hashlib

    size = recipe.decoded_size
    digest = hashlib.sha256("".join(sorted(s.id for s in data.sources)).encode()).hexdigest()
    seen = step * recipe.batch_size
    write_backbone(
        path,
        teacher.backbone.state_dict(),
        architecture=start.architecture,
        dimensions=int(teacher.backbone.num_features),  # type: ignore[arg-type]
        preprocessing=dataclasses.replace(start.preprocessing, size=size)
        if start.preprocessing.resize == "squash" and not _has_positions(teacher)
        else start.preprocessing,
        about={
            "title": f"{path.parent.name}: {start.architecture} by DINO",
            "source": f"Fewshot Lab run {path.parent.name}, step {step} of {recipe.steps}",
            "licence": "that of the images and of the starting weights",
            "training": (
                f"DINO without labels on {len(data.sources):,} images, {seen:,} seen, "
                f"from {start.sentence}"
            ),
            "recipe": recipe.to_dict(),
            "data": {"images": len(data.sources), "digest": digest[:16]},
            "step": str(step),
            "best": {"step": best["step"], "value": best["value"]},
            "curves": metrics.curves(path.parent),
        },
    )


def _has_positions(teacher: Embed) -> bool:
    """Say whether the backbone has position embeddings, which fix its input size."""
    return any(name.endswith("pos_embed") for name, _ in teacher.backbone.named_parameters())
