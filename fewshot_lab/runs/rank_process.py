"""The one training script: it reads who it is from the environment, whoever started it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.jobs import worker
from fewshot_lab.progress import Progress
from fewshot_lab.runs.json_files import SPEC, read_object, write_object

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGUSR1") if hasattr(signal, name)
)


def run_rank(
    folder: Path,
    *,
    also: Progress | None = None,
    waits: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Train a run's folder as one of its processes.

    The first process keeps ``status.json``; SIGTERM, SIGINT, SIGUSR1 or a file ``stop`` in the
    folder make all of them write a checkpoint and end.

    Parameters
    ----------
    folder
        The run's.
    also
        Told how far the run is, too (a display).
    waits
        Told for whom the run waits in line.

    Raises
    ------
    FewshotLabError
    Stopped
    """
    spec = read_object(folder / SPEC)
    if spec is None:
        raise FewshotLabError(f"{folder} is not the folder of a run.")
    first = int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0
    _end_with_parent()
    with ExitStack() as stack:
        if first:
            report = stack.enter_context(worker(folder, also=STOP_SIGNALS, waits=waits))
        else:
            report = stack.enter_context(_listening())
            _wait_for_the_first(folder, report)

        def progress(stage: str, done: int, total: int | None) -> None:
            if also is not None:
                also(stage, done, total)
            report(stage, done, total)

        _train(folder, str(spec.get("device", "cpu")), progress)


def _train(folder: Path, device: str, progress: Progress) -> None:
    import torch

    from fewshot_lab.pretrain import Recipe, newest_step, out_of_memory, ranks, too_large, train

    threads = os.environ.get("OMP_NUM_THREADS")
    if threads:
        torch.set_num_threads(int(threads))
    crowded = False
    with ranks(device) as mine:
        try:
            train(folder, mine, progress=progress)
        except (RuntimeError, MemoryError) as error:
            crowded = out_of_memory(error)
            if not crowded and (mine.world == 1 or "onnection" not in str(error)):
                raise
            if not crowded:
                raise FewshotLabError(
                    "Another process of the run has ended, so this one ended too; resumed, it goes "
                    f"on from step {newest_step(folder):,}."
                ) from None
    if crowded:
        # Out of the except block: while the error lives, so does all that filled the memory.
        recipe = Recipe.from_dict((read_object(folder / SPEC) or {})["recipe"])
        part = recipe.batch_size // (mine.world * recipe.accumulate)
        raise FewshotLabError(too_large(recipe, mine.device, part, folder))


@contextmanager
def _listening() -> Iterator[Progress]:
    """Take the same signals as the first process does."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, *STOP_SIGNALS):
        signal.signal(number, ask)

    def progress(stage: str, done: int, total: int | None) -> None:
        if asked and stage == "pretraining":
            raise Stopped("Stopped; the checkpoint is written.")

    yield progress


def _wait_for_the_first(folder: Path, progress: Progress) -> None:
    """Wait while the first process stands in line for the machine, which may take hours.

    Slurm has a queue of its own, and there the file of an earlier try may still lie about.
    """
    while (read_object(folder / SPEC) or {}).get("launcher") != "slurm":
        said = read_object(folder / "status.json")
        if said is not None and said.get("state") != "queued":
            return
        progress("pretraining", 0, None)
        time.sleep(0.2)


def _end_with_parent() -> None:
    """End with the launcher that started several processes: left alone, they would wait for ever.

    A single process outlives who started it.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20.0)
        os._exit(1)

    threading.Thread(target=watch, name="watch the launcher", daemon=True).start()


def remember(folder: Path, **facts: object) -> None:
    """Keep further facts in the run's spec."""
    write_object(folder / SPEC, {**(read_object(folder / SPEC) or {}), **facts})
