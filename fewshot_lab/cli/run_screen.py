"""A run in the foreground: trained here, with its progress on the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from fewshot_lab.cli.reporting import listed, on_terminal, tell
from fewshot_lab.cli.run_sentences import described, in_words, learnt
from fewshot_lab.cli.waiting import say_who_waits
from fewshot_lab.errors import FewshotLabError, Stopped

if TYPE_CHECKING:
    from fewshot_lab.progress import Progress
    from fewshot_lab.runs import Run


def in_foreground(run: Run, *, device: str | None, nproc: int | None, now: bool) -> None:
    """Train a run that is set up, in this process, or with several beside it.

    Raises
    ------
    Stopped
        After Ctrl+C or a stop, with how to go on.
    FewshotLabError
        Where training ended by itself.
    """
    from fewshot_lab.runs import run_rank, torchrun_command

    run.make_ready(device=device, nproc=nproc)
    if now:
        run.job.begin_now()
    print(f"{run.name}: {run.folder}", file=sys.stderr)
    processes = int(run.spec.get("nproc", 1))
    try:
        with on_terminal(
            words=lambda stage: in_words(run) if stage == "pretraining" else ""
        ) as report:
            if processes == 1:
                run_rank(run.folder, also=report, waits=say_who_waits)
            else:
                _follow(run, torchrun_command(run, processes), report)
    except Stopped:
        raise Stopped(
            f"Stopped at step {run.status().done:,}; resume with: python -m fewshot_lab pretrain "
            f"{' '.join(run.spec['projects'])} --name {run.name} --resume"
        ) from None
    tell(described(run), learnt(run))
    listed(run.unreadable)


def _follow(run: Run, command: list[str], report: Progress) -> None:
    """Start several processes and show how far the first is; Ctrl+C stops them all."""
    from fewshot_lab.runs import process_environment

    with (run.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **process_environment(run)},
        )

    def ask(*_: object) -> None:
        run.job.ask_to_stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    last_message = ""
    try:
        while process.poll() is None:
            status = run.status()
            if run.job.waits_in_queue and status.message != last_message:
                last_message = status.message
                say_who_waits(last_message)
            elif status.state == "running":
                report(status.stage, status.done, status.total)
            time.sleep(0.3)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    status = run.status()
    if status.state == "stopped":
        raise Stopped("")
    if status.state != "finished":
        raise FewshotLabError(status.message or f"The run ended ({run.folder}/log.txt says why).")
