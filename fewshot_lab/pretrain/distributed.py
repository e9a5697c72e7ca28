"""The processes of a run: who am I among them, and what they agree upon.

Reads what torchrun sets (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or Slurm.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from fewshot_lab.errors import FewshotLabError

T = TypeVar("T")

_PORT = "29531"
_PATIENCE = timedelta(hours=1)
"""How long the others wait for the one that decodes the images or looks whether it helps."""


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those of its run.

    Attributes
    ----------
    rank, world : int
        Which of how many.
    device : torch.device
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over all processes."""
        if self.world > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
            value /= self.world
        return value

    def any(self, here: bool) -> bool:
        """Return whether it is so in any process."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())

    def gather(self, value: Any) -> list[Any]:
        """Return everybody's value, in the order of their ranks."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def of_first(self, read: Callable[[], T]) -> T:
        """Return what the first process reads: files look different from another machine."""
        values = [read() if self.first else None]
        if self.world > 1:
            dist.broadcast_object_list(values, src=0)
        return cast("T", values[0])

    def wait(self) -> None:
        """Wait until all have come here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def process_group(device: str = "cpu") -> Iterator[ProcessGroup]:
    """Join the other processes of the run for the length of the ``with`` block.

    Parameters
    ----------
    device
        "cpu" (gloo) or "cuda" (nccl, one GPU for each process of a machine), or "cuda:1".

    Raises
    ------
    FewshotLabError
        If a GPU was asked for and there is none, or the others cannot be reached.
    """
    rank, local, world = _numbers()
    chosen = torch.device(device)
    if chosen.type == "cuda":
        gpus = count_gpus()
        if chosen.index is None:
            chosen = torch.device("cuda", local % gpus)
        torch.cuda.set_device(chosen)
    if world == 1:
        yield ProcessGroup(0, 1, chosen)
        return
    _rendezvous()
    try:
        dist.init_process_group(
            "nccl" if chosen.type == "cuda" else "gloo",
            rank=rank,
            world_size=world,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise FewshotLabError(f"The run's processes did not find each other: {first}") from error
    try:
        yield ProcessGroup(rank, world, chosen)
    finally:
        dist.destroy_process_group()


def count_gpus() -> int:
    """Return how many GPUs torch can use here.

    Raises
    ------
    FewshotLabError
        If there is none.
    """
    if not torch.cuda.is_available():
        raise FewshotLabError(
            "A GPU was asked for, and this machine has none that torch can use: take --device "
            "cpu, or start on a machine with an NVIDIA GPU and its driver."
        )
    return torch.cuda.device_count()


def _numbers() -> tuple[int, int, int]:
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    # Of the step: in a batch script itself, SLURM_NTASKS promises tasks that nobody has started.
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in os.environ:
        names = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS")
    else:
        return 0, 0, 1
    rank, local, world = (int(os.environ.get(name, "0")) for name in names)
    return rank, local, max(1, world)


def _rendezvous() -> None:
    """Say where the first process is, where only Slurm's list of nodes tells it."""
    if "MASTER_ADDR" not in os.environ:
        nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_JOB_NODELIST", "")
        os.environ["MASTER_ADDR"] = first_node(nodes) or "127.0.0.1"
    os.environ.setdefault("MASTER_PORT", _PORT)


def first_node(nodes: str) -> str:
    """Return the first name of a list as Slurm writes it: ``n[1-2,5],m3`` gives ``n1``."""
    match = re.match(r"([^,\[]*)(?:\[(\d+)[^\]]*\])?([^,\[]*)", nodes)
    return "".join(part or "" for part in match.groups()) if match else ""
