"""Signals that reach a whole group of processes, and whose business they are."""

import signal

SECONDS_TO_LIVE = 60


def leave_to_parent(_worker: int = 0) -> None:
    """Let this process, which reads ahead for another, outlive a wish to stop.

    Ctrl+C and Slurm's SIGTERM and SIGUSR1 reach every process of a group. It is the parent that
    knows what to write first, and it ends its readers when it has; a reader that dies before
    would take it along. After a SIGTERM the reader ends within a minute all the same.

    A DataLoader takes it as its ``worker_init_fn``, which is told the worker's number.
    """
    for name in ("SIGINT", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(SECONDS_TO_LIVE))
