"""Where the forward pass runs, and in what precision."""

from __future__ import annotations

import os

from fewshot_lab.errors import FewshotLabError


def part_of_run(shard: tuple[int, int] | None) -> tuple[int, int]:
    """Return which part of how many this process does.

    Parameters
    ----------
    shard
        (i, n) with i from 0. If None, what the environment says: torchrun's ``RANK`` of
        ``WORLD_SIZE``, or srun's task, and the task of a Slurm array; else all.

    Raises
    ------
    FewshotLabError
        If i is not in 0..n-1.
    """
    if shard is None:
        task, tasks = _two("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
        task -= _number("SLURM_ARRAY_TASK_MIN") or 0
        task //= _number("SLURM_ARRAY_TASK_STEP") or 1
        rank, size = _two("RANK", "WORLD_SIZE")
        if size == 1:
            rank, size = _two("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
        shard = task * size + rank, tasks * size
    part, parts = shard
    if not 0 <= part < parts:
        raise FewshotLabError(
            f"Shard {part}/{parts} does not exist: with {parts} shards they are numbered 0 to "
            f"{parts - 1}."
        )
    return part, parts


def _two(which: str, of: str) -> tuple[int, int]:
    i, n = _number(which), _number(of)
    return (0, 1) if i is None or not n else (i, n)


def _number(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None


def choose_device(device: str | None) -> str:
    """Return the torch device to use.

    Parameters
    ----------
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; the GPU if there is one, if None. Under
        torchrun ``"cuda"`` means the GPU of this process.

    Raises
    ------
    FewshotLabError
        If a GPU is asked for where there is none.
    """
    import torch

    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None:
        device = "cuda" if cuda else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdecimal()):
        raise FewshotLabError(f"{device!r} is not a device; use cpu, cuda, cuda:0 or mps.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise FewshotLabError("This machine has no Apple GPU; use the device cpu.")
    if kind == "cuda":
        if not cuda:
            raise FewshotLabError(
                "No GPU that torch can use was found on this machine; use the device cpu."
            )
        if not number:
            local = _number("LOCAL_RANK") or _number("SLURM_LOCALID") or 0
            device = f"cuda:{local % cuda}"
        elif int(number) >= cuda:
            raise FewshotLabError(
                f"There is no GPU {number} here: the last one is cuda:{cuda - 1}."
            )
    return device


def precision(device: str) -> str:
    """Return ``"bfloat16"`` for GPUs that compute in it, else ``"float32"``.

    Never fp16, in which networks with patches under 16 px overflow.
    """
    import torch

    if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    return "float32"
