"""Where the forward pass runs, and in what precision."""

from __future__ import annotations

import os

from fewshot_lab.errors import FewshotLabError


def part_of_run(shard: tuple[int, int] | None) -> tuple[int, int]:
    """Return which part of how many this process does.

    Parameters
    ----------
    shard
        (i, n) with i from 0; from torchrun's ``RANK`` and ``WORLD_SIZE`` if None, else all.

    Raises
    ------
    FewshotLabError
        If i is not in 0..n-1.
    """
    if shard is None:
        rank, size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
        if not (rank and size and rank.isdecimal() and size.isdecimal()):
            return 0, 1
        shard = int(rank), int(size)
    part, parts = shard
    if not 0 <= part < parts:
        raise FewshotLabError(
            f"Shard {part}/{parts} does not exist: with {parts} shards they are numbered 0 to "
            f"{parts - 1}."
        )
    return part, parts


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
        raise FewshotLabError(f"{device!r} is no device; use cpu, cuda, cuda:0 or mps.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise FewshotLabError("This machine has no Apple GPU; use the device cpu.")
    if kind == "cuda":
        if not cuda:
            raise FewshotLabError(
                "No GPU that torch can use was found on this machine; use the device cpu."
            )
        if not number:
            device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % cuda}"
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
