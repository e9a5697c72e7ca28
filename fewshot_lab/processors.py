"""How many processors a process may use."""

import os
import sys

_on_own_cores = False


def processors() -> int:
    """Return how many processors are this process's own.

    Those that the system lets it run on, or that Slurm gave its task; shared with the other
    processes that torchrun started on this machine.
    """
    here = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if "SLURM_PROCID" in os.environ and (of_task := _number("SLURM_CPUS_PER_TASK")):
        here = min(here, of_task)
    return here if _on_own_cores else max(1, here // max(1, _number("LOCAL_WORLD_SIZE")))


def keep_to_share() -> None:
    """Keep this process to its share, where torchrun started several on this machine.

    Else a thread that brings one's message waits behind another one's computing, for 4 ms at a
    time. Slurm binds its tasks by itself.
    """
    global _on_own_cores
    world = _number("LOCAL_WORLD_SIZE")
    if sys.platform != "linux" or world < 2 or _on_own_cores:
        return
    allowed, rank = sorted(os.sched_getaffinity(0)), _number("LOCAL_RANK")
    share = len(allowed) // world
    if share:
        os.sched_setaffinity(0, allowed[rank * share : (rank + 1) * share])
        _on_own_cores = True


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else 0
