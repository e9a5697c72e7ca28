"""The worker's side of a job: says how far it is, and notices that it is to stop."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import disk_sentence, write_json
from fewshot_lab.jobs.job_folder import NOW, STATUS, STOP, read_spec
from fewshot_lab.jobs.processes import ProcessId
from fewshot_lab.jobs.queue import first_word, is_heavy, queue_slot
from fewshot_lab.jobs.rate import Rate

WRITE_SECONDS = 0.25
HEARTBEAT_SECONDS = 2.0


@contextmanager
def worker(
    run_folder: Path | str,
    *,
    also: Sequence[signal.Signals] = (),
    waits: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Report]:
    """Run a job's work: ``with worker(run_folder) as progress: work(progress=progress)``.

    Keeps ``status.json`` up to date, with a sign of life every two seconds. A heavy job first
    waits in line. After SIGTERM, or once a stop is asked for, the next call of ``progress``
    raises :class:`Stopped`. At the end the status says "finished", "stopped" or "failed" with the
    sentence of the error, which is let through.

    Parameters
    ----------
    run_folder : Path or str
        What ``--job`` was given.
    also : sequence of signals
        Further signals that ask to stop, beside SIGTERM.
    waits : callable
        Told for whom a heavy job waits, where somebody looks on.

    Yields
    ------
    Report
        The callback for the work (a :data:`fewshot_lab.progress.Progress`).
    """
    folder = Path(run_folder)
    spec = read_spec(folder)
    if spec is None:
        raise FewshotLabError(f"{folder} is not the folder of a job.")
    heavy = is_heavy(spec)
    report = Report(folder, first_word(spec), waits)
    with ExitStack() as stack:
        stack.enter_context(report.listening((signal.SIGTERM, *also)))
        try:
            if heavy:
                stack.enter_context(queue_slot(spec, report.waiting))
                _step_back()
            report.set(state="running", message="")
            yield report
        except (Stopped, KeyboardInterrupt):
            report.end("stopped", "Stopped; what was finished is kept.")
            raise
        except FewshotLabError as error:
            report.end("failed", str(error))
            raise
        except BaseException as error:
            unexpected = f"An unexpected error ({type(error).__name__}): see the log."
            report.end("failed", disk_sentence(error) or unexpected)
            raise
        else:
            report.end("finished", "")


def _step_back() -> None:
    """Let the screen go first where both want the processor."""
    if hasattr(os, "nice"):
        os.nice(5)


class Report:
    """Holds the status and writes it; called with a job's progress."""

    def __init__(self, folder: Path, first: dict[str, str], waits: Callable[[str], None]):
        self._folder = folder
        self._waits = waits
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._asked_to_stop = False
        self._rate: Rate | None = None
        self._written = 0.0
        self._status: dict[str, Any] = {
            "stage": "",
            "done": 0,
            "total": None,
            "rate": None,
            "seconds_left": None,
            "message": "",
            "started": time.time(),
            "ended": None,
            "heartbeat": time.time(),
            "process": ProcessId.of(os.getpid()).stored(),
            **first,
        }

    @contextmanager
    def listening(self, signals: Sequence[signal.Signals]) -> Iterator[None]:
        """Take these signals as the wish to stop, and give signs of life."""
        self._write(lasting=True)
        beat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        beat.start()
        in_main = threading.current_thread() is threading.main_thread()
        before = {s: signal.signal(s, self._on_signal) for s in signals} if in_main else {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
            self._ended.set()
            beat.join()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take a report of the work; see :data:`fewshot_lab.progress.Progress`."""
        now = time.monotonic()
        with self._lock:
            fresh = stage != self._status["stage"] or self._rate is None
            if fresh:
                self._rate = Rate(now, done)
            assert self._rate is not None
            self._rate.add(now, done)
            self._status.update(
                stage=stage,
                done=done,
                total=total,
                rate=self._rate.per_second,
                seconds_left=self._rate.seconds_left(done, total),
            )
            if fresh or done == total or now - self._written >= WRITE_SECONDS:
                self._write()
        if self.must_stop():
            raise Stopped("Stopped; what was finished is kept.")

    def waiting(self, sentence: str) -> bool:
        """Say what the job waits for; return whether it was told to begin all the same."""
        with self._lock:
            if self._status["message"] != sentence:
                self.set(message=sentence)
                self._waits(sentence)
        if self.must_stop():
            raise Stopped("Stopped before it began.")
        return (self._folder / NOW).exists()

    def must_stop(self) -> bool:
        """Say whether a stop was asked for, by a signal or by the file."""
        return self._asked_to_stop or (self._folder / STOP).exists()

    def set(self, **changes: Any) -> None:
        """Change the status and write it."""
        with self._lock:
            self._status.update(changes)
            self._write()

    def end(self, state: str, message: str) -> None:
        """Write the last word."""
        with self._lock:
            self._ended.set()
            self._status.update(state=state, message=message, ended=time.time(), seconds_left=None)
            self._write(lasting=True)

    def _write(self, *, lasting: bool = False) -> None:
        self._written = time.monotonic()
        self._status["heartbeat"] = time.time()
        # A full disk ends the work by itself, with its own sentence; a status that could not be
        # written does not. That sentence is the last word, and is to be read all the same.
        path = self._folder / STATUS
        with suppress(OSError):
            try:
                if self._folder.is_dir():  # else it was deleted, and stays so
                    write_json(path, self._status, lasting=lasting)
            except OSError:
                if not lasting:
                    raise
                _write_over(path, self._status)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with self._lock:
                if not self._ended.is_set():
                    self._write()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._status["process"]["pid"]:
            # A loader's process that was forked from this one: SIGTERM is to end it.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._asked_to_stop = True


def _write_over(path: Path, value: dict[str, Any]) -> None:
    """Write into the room that a file has already: what is left to do on a full disk."""
    with path.open("r+", encoding="utf-8") as file:
        json.dump(value, file)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
