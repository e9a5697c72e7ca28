"""The one training script: it reads who it is from the environment, whoever started it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from fewshot_lab.allocator import freed_memory_kept
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import read_json
from fewshot_lab.jobs import STOP, Report, read_spec, worker
from fewshot_lab.processors import keep_to_share, processors
from fewshot_lab.progress import Progress
from fewshot_lab.runs.rank_notes import (
    LostProcess,
    ending_noted,
    first_ending,
    note_ending,
    write_own_log,
)
from fewshot_lab.runs.run_folder import read_images

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGUSR1") if hasattr(signal, name)
)

_LAST_WORD_SECONDS = 20.0
"""For which a process that ends waits for the disk, which may have gone with the lost one."""


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
        In the first process.
    """
    spec = read_spec(folder)
    if spec is None:
        raise FewshotLabError(f"{folder} is not the folder of a run.")
    rank = int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")))
    _end_with_parent()
    report: Progress
    with ExitStack() as stack:
        if rank == 0:
            report = stack.enter_context(worker(folder, also=STOP_SIGNALS, waits=waits))
        else:
            write_own_log(folder, rank)
            # Ended as asked: an exit code would make srun kill the first one while it still writes.
            stack.enter_context(suppress(Stopped))
            stack.enter_context(ending_noted(folder, rank))
            report = stack.enter_context(_listening(folder))
            _wait_for_the_first(folder, report)

        def progress(stage: str, done: int, total: int | None) -> None:
            if also is not None:
                also(stage, done, total)
            report(stage, done, total)

        def lost(sentence: str) -> None:
            # The main thread may be waiting for the lost one, for ever: so this ends the process,
            # with its word written if the disk still answers.
            threading.Timer(_LAST_WORD_SECONDS, os._exit, (1,)).start()
            note_ending(folder, rank, sentence, followed=True)
            message = str(_lost_process(folder))
            if isinstance(report, Report):
                report.end("failed", message)
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()
            os._exit(1)

        _train(folder, spec, progress, lost)


def _train(
    folder: Path, spec: dict[str, Any], progress: Progress, lost: Callable[[str], None]
) -> None:
    import torch

    from fewshot_lab.pretrain import (
        Recipe,
        is_lost_process,
        is_out_of_memory,
        out_of_memory_sentence,
        process_group,
        train,
    )

    device = str(spec.get("device", "cpu"))
    if device == "cpu":
        keep_to_share()
    asked = int(os.environ.get("OMP_NUM_THREADS") or 0)
    torch.set_num_threads(asked or min(torch.get_num_threads(), processors()))
    recipe, images = Recipe.from_dict(spec["recipe"]), read_images(folder)
    with process_group(device, lost=lost) as group, ExitStack() as stack:
        if group.world > 1:
            stack.enter_context(ending_noted(folder, group.rank))
        if device == "cpu":
            stack.enter_context(freed_memory_kept())
        crowded = False
        try:
            train(folder, recipe, images, group, progress=progress)
        except (RuntimeError, MemoryError) as error:
            crowded = is_out_of_memory(error)
            if not crowded:
                if group.world == 1 or not is_lost_process(error):
                    raise
                raise _lost_process(folder) from error
        # Out of the except block: while the error lives, so does all that filled the memory. Still
        # among the others, who wait: with this process gone, they would end before it has spoken.
        if crowded:
            part = recipe.batch_size // (group.world * recipe.accumulate)
            sentence = out_of_memory_sentence(recipe, group.device, part, folder)
            raise FewshotLabError(sentence if group.world == 1 else f"{group.name}: {sentence}")


def _lost_process(folder: Path) -> LostProcess:
    """Return the sentence for this process, which ends because another one has."""
    from fewshot_lab.pretrain import newest_step

    ending = first_ending(folder)
    why = "Another process of the run was killed, or its machine went away, so this one ended too"
    if ending:
        why = f"{ending} So the other processes ended too"
    return LostProcess(f"{why}; resumed, it goes on from step {newest_step(folder):,}.")


@contextmanager
def _listening(folder: Path) -> Iterator[Progress]:
    """Take the same signals as the first process does."""
    stopping = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, *STOP_SIGNALS):
        signal.signal(number, ask)

    def progress(stage: str, done: int, total: int | None) -> None:
        # Where all of them ask each other whether to stop.
        stops = stopping if stage == "pretraining" else stopping or (folder / STOP).exists()
        if stops and stage in ("pretraining", "decoding"):
            raise Stopped("Stopped; the checkpoint is written.")

    yield progress


def _wait_for_the_first(folder: Path, progress: Progress) -> None:
    """Wait while the first process stands in line for the machine, which may take hours.

    Slurm has a queue of its own, and there the file of an earlier try may still lie about.
    """
    while (read_spec(folder) or {}).get("launcher") != "slurm":
        status = read_json(folder / "status.json")
        if status is not None and status.get("state") != "queued":
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
