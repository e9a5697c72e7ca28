"""The processes of a run: who am I among them, and what they agree upon.

Reads what torchrun sets (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or Slurm.
"""

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.heartbeat import Heartbeat
from fewshot_lab.words import duration

T = TypeVar("T")

_PORT = "29531"
_PATIENCE = timedelta(hours=1)
"""How long the others wait for the one that looks whether it helps."""
JOIN_SECONDS = "FEWSHOT_LAB_JOIN_SECONDS"
"""Environment variable: how long a run's processes wait for each other to come."""
_JOIN_SECONDS = 600.0
_LOST = ("onnection", "roken pipe", "Timed out waiting", "NCCL error", "ncclRemoteError")


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
    def name(self) -> str:
        """Which process this is, in words."""
        gpu = ""
        if self.device.type == "cuda":
            gpu = f", {torch.cuda.get_device_name(self.device)}"
        return f"Process {self.rank} of {self.world} ({platform.node()}{gpu})"

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


def _end(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    os._exit(1)


@contextmanager
def process_group(
    device: str = "cpu", *, lost: Callable[[str], None] = _end
) -> Iterator[ProcessGroup]:
    """Join the other processes of the run for the length of the ``with`` block.

    Parameters
    ----------
    device
        "cpu" (gloo) or "cuda" (nccl, one GPU for each process of a machine), or "cuda:1".
    lost
        See :class:`fewshot_lab.pretrain.heartbeat.Heartbeat`; it is to end this process.

    Raises
    ------
    FewshotLabError
        If a GPU was asked for and there is none, or the others do not come.
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
    store = _meet(rank, world)
    machines = [store.get(f"come-{each}").decode() for each in range(world)]
    with Heartbeat(_common_store, rank, machines, lost):
        dist.init_process_group(
            "nccl" if chosen.type == "cuda" else "gloo",
            store=store,
            rank=rank,
            world_size=world,
            timeout=_PATIENCE,
        )
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


def is_lost_process(error: BaseException) -> bool:
    """Say whether an error is that another process of the run does not answer any more."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)


def _meet(rank: int, world: int) -> Any:
    """Wait until every process of the run has come, and return what they keep in common.

    The first process keeps it, or torchrun where it started them.

    Raises
    ------
    FewshotLabError
        With the processes that did not come in time.
    """
    seconds = float(os.environ.get(JOIN_SECONDS) or _JOIN_SECONDS)
    address, port = _meeting_point()
    kept_by_torchrun = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    try:
        met = _common_store(timedelta(seconds=seconds), keep=rank == 0 and not kept_by_torchrun)
        met.set(f"come-{rank}", platform.node())
    except RuntimeError as error:
        if "EADDRINUSE" in str(error):
            raise FewshotLabError(
                f"Port {port} of this machine is taken: set MASTER_PORT to another one, the same "
                "for all processes of the run."
            ) from None
        raise FewshotLabError(
            f"Process {rank} of {world} ({platform.node()}) did not reach the first one at "
            f"{address}:{port} within {duration(seconds)}: did that start, and do the machines "
            "reach each other at this port? Nothing is lost; start the run again."
        ) from None
    try:
        met.wait([f"come-{each}" for each in range(world)], timedelta(seconds=seconds))
    except RuntimeError:
        missing = [each for each in range(world) if not _has_come(met, each)]
        who = f"process {missing[0]}" if len(missing) == 1 else f"processes {_listed(missing)}"
        raise FewshotLabError(
            f"Of the run's {world} processes {world - len(missing)} came within "
            f"{duration(seconds)}; {who} did not: look at the logs of their machines. Nothing is "
            f"lost; start the run again. ({JOIN_SECONDS} changes how long they wait.)"
        ) from None
    return met


def _common_store(timeout: timedelta, *, keep: bool = False) -> Any:
    """Open a connection to what the run's processes have in common, or begin to keep it here."""
    address, port = _meeting_point()
    store = dist.TCPStore(  # type: ignore[attr-defined]
        address, port, is_master=keep, timeout=timeout, wait_for_workers=False
    )
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return dist.PrefixStore(f"fewshot-lab-{attempt}", store)  # type: ignore[attr-defined]


def _has_come(store: Any, rank: int) -> bool:
    try:
        return bool(store.check([f"come-{rank}"]))
    except RuntimeError:  # whoever kept the store has gone
        return rank != 0


def _listed(ranks: list[int]) -> str:
    return ", ".join(map(str, ranks[:8])) + (" and more" if len(ranks) > 8 else "")


def _meeting_point() -> tuple[str, int]:
    """Return where the first process is: said in the environment, or in Slurm's list of nodes."""
    nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_JOB_NODELIST", "")
    address = os.environ.get("MASTER_ADDR") or first_node(nodes) or "127.0.0.1"
    return address, int(os.environ.get("MASTER_PORT") or _PORT)


def first_node(nodes: str) -> str:
    """Return the first name of a list as Slurm writes it: ``n[1-2,5],m3`` gives ``n1``."""
    match = re.match(r"([^,\[]*)(?:\[(\d+)[^\]]*\])?([^,\[]*)", nodes)
    return "".join(part or "" for part in match.groups()) if match else ""
