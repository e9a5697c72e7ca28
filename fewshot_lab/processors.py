"""How many processors a process may use."""

import os
import sys


def processors() -> int:
    """Return how many processors are this process's own.

    Those that the system lets it run on, or that Slurm gave its task; shared with the other
    processes that torchrun started on this machine.
    """
    here = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if "SLURM_PROCID" in os.environ and (of_task := _number("SLURM_CPUS_PER_TASK")):
        here = min(here, of_task)
    return max(1, here // max(1, _number("LOCAL_WORLD_SIZE")))


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else 0
