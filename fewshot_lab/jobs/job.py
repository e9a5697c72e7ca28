"""The starter's side of a job: a process of its own that outlives the page and the server."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import fewshot_lab
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.jobs.processes import ProcessId
from fewshot_lab.jobs.queue import first_word
from fewshot_lab.jobs.run_files import (
    LOG,
    NOW,
    PROCESS,
    REPORT,
    SPEC,
    STATUS,
    STOP,
    read_json,
    write_json,
)

State = Literal["queued", "running", "stopped", "failed", "finished", "lost"]
ENDED: tuple[State, ...] = ("stopped", "failed", "finished")

# A process on another machine is judged by its signs of life alone.
_STALE_SECONDS = 60.0
# Between the making of the run folder and the first word of the process that was started.
_STARTING_SECONDS = 30.0


@dataclass(frozen=True)
class Status:
    """How far a job is.

    Attributes
    ----------
    state : "queued", "running", "stopped", "failed", "finished" or "lost"
        "queued": it waits in line for another heavy job; ``message`` says for which.
        "lost": its process has gone without a word; starting the same verb again goes on.
    stage : str
    done, total : int
        ``total`` is None while unknown.
    rate : float or None
        Units per second, over the last twenty seconds.
    seconds_left : float or None
        Of this stage.
    message : str
        Why it failed, what it waits for; else empty.
    quiet_seconds : float
        Since the last sign of life. A job that is alive and has been quiet for long is slow.
    started, ended : float or None
        Seconds since 1970.
    """

    state: State
    stage: str = ""
    done: int = 0
    total: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    message: str = ""
    quiet_seconds: float = 0.0
    started: float | None = None
    ended: float | None = None

    @property
    def active(self) -> bool:
        """Queued or running."""
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Job:
    """A run of a verb on a project; everything about it is in the files of ``folder``."""

    id: str
    verb: str
    folder: Path
    args: tuple[str, ...] = ()

    def status(self) -> Status:
        """Return how far it is, from the files and a look at the process."""
        stored = read_json(self.folder / STATUS) or {}
        if stored.get("state") in ENDED:
            return _status(stored.get("state", "running"), stored)
        alive = self._alive(stored)
        if alive:
            if not stored:
                stored = dict(first_word(read_json(self.folder / SPEC) or {}))
            return _status(stored.get("state", "running"), stored)
        # It may have said its last word after it was read and before it was looked for.
        stored = read_json(self.folder / STATUS) or {}
        if stored.get("state") in ENDED:
            return _status(stored.get("state", "running"), stored)
        if (self.folder / STOP).exists():
            return _status("stopped", stored, message="Stopped.")
        if not stored and (last := self._last_line()):
            # It ended before it became a job: a wrong argument, a package that is missing.
            return _status("failed", stored, message=last)
        return _status(
            "lost",
            stored,
            message="The process was ended from outside; start it again to go on from there.",
        )

    def ask_to_stop(self) -> None:
        """Ask by the file alone: also where the process is on another machine."""
        (self.folder / STOP).touch()

    def begin_now(self) -> None:
        """Let a job that waits in line begin beside the one it waits for."""
        (self.folder / NOW).touch()

    @property
    def in_line(self) -> bool:
        """Whether it waits for another job, and could begin all the same."""
        stored = read_json(self.folder / STATUS) or {}
        waits = stored.get("state") == "queued" and "Waiting" in stored.get("message", "")
        return waits and not (self.folder / NOW).exists()

    def stop(self, *, force: bool = False) -> None:
        """Ask it to stop; it ends at its next sign of progress and keeps what is finished.

        Parameters
        ----------
        force : bool
            Do not ask but end it at once, with all its processes. What was written stays valid.
        """
        stored = read_json(self.folder / STATUS) or {}
        if stored.get("state") in ENDED or not self._alive(stored):
            return
        (self.folder / STOP).touch()
        process = self._process(stored)
        if process is None or not process.alive():
            return
        try:
            if force and hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and has not ended yet."""
        return (self.folder / STOP).exists() and self.status().active

    def delete(self) -> None:
        """Delete what is kept of the run.

        Raises
        ------
        FewshotLabError
            While it is queued or running.
        """
        if self.status().active:
            raise FewshotLabError(f"The job “{self.verb}” is still running: stop it first.")
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, last: int = 200) -> str:
        """Return the last lines of what it wrote."""
        try:
            with (self.folder / LOG).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 500 * last))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-last:])

    def report(self) -> dict[str, Any] | None:
        """Return what the work answered at its end, where it wrote an answer."""
        return read_json(self.folder / REPORT)

    def _process(self, stored: dict[str, Any]) -> ProcessId | None:
        return ProcessId.read(stored.get("process")) or ProcessId.read(
            read_json(self.folder / PROCESS)
        )

    def _alive(self, stored: dict[str, Any]) -> bool:
        process = self._process(stored)
        if process is None:
            spec = read_json(self.folder / SPEC) or {}
            return time.time() - float(spec.get("created", 0)) < _STARTING_SECONDS
        alive = process.alive()
        if alive is None:
            return time.time() - float(stored.get("heartbeat", 0)) < _STALE_SECONDS
        return alive

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log(20).splitlines() if line.strip(" \t╭─╮╰╯│")]
        return lines[-1].strip(" │") if lines else ""


def start(
    folder: Path,
    verb: str,
    args: Sequence[str] = (),
    *,
    command: Sequence[str] | None = None,
) -> Job:
    """Start a verb on a project, in a process that outlives this one.

    Runs ``python -m fewshot_lab VERB PROJECT ARGS... --job RUNFOLDER``.

    Parameters
    ----------
    folder : Path
        The project's folder.
    verb : str
        A verb of the terminal.
    args : sequence of str
        Its further arguments.
    command : sequence of str, optional
        What to run in place of ``python -m fewshot_lab``.

    Raises
    ------
    FewshotLabError
        Where the process cannot be started.
    """
    folder = Path(folder).absolute()
    run = _make_run_folder(folder / "jobs", verb)
    before = list(command) if command is not None else [sys.executable, "-m", "fewshot_lab"]
    full = [*before, verb, folder.name, *map(str, args), "--job", str(run)]
    spec = {
        "verb": verb,
        "project": folder.name,
        "args": list(map(str, args)),
        "command": full,
        "created": time.time(),
    }
    write_json(run / SPEC, spec, lasting=True)
    try:
        launch(run, full, home=folder.parent)
    except FewshotLabError:
        shutil.rmtree(run, ignore_errors=True)
        raise
    return Job(run.name, verb, run, tuple(map(str, args)))


def launch(
    run: Path,
    command: Sequence[str],
    *,
    home: Path,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start the process of a run folder, detached; its words go to the log there.

    Parameters
    ----------
    run : Path
        Holds ``spec.json``; what an earlier process of it said last is forgotten.
    command : sequence of str
    home : Path
        Where the projects live.
    environment : mapping, optional
        Variables beside those of this process.

    Returns
    -------
    int
        The process's number.

    Raises
    ------
    FewshotLabError
        Where it cannot be started.
    """
    begin(run)
    package = str(Path(fewshot_lab.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    variables = {
        **os.environ,
        **(environment or {}),
        "FEWSHOT_LAB_HOME": str(home),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
    }
    try:
        with (run / LOG).open("ab") as log:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=variables,
                start_new_session=True,  # Ctrl+C at the server does not reach it
            )
    except OSError as error:
        raise FewshotLabError(f"“{run.name}” could not be started: {error.strerror}.") from None
    write_json(run / PROCESS, ProcessId.of(process.pid).stored(), lasting=False)
    # Whoever started it takes note of its end, so that no zombie is left.
    threading.Thread(target=process.wait, name=f"reap {run.name}", daemon=True).start()
    return process.pid


def begin(run: Path) -> None:
    """Forget what an earlier process of a run folder said last, so that another can begin."""
    for name in (STATUS, PROCESS, STOP, NOW):
        (run / name).unlink(missing_ok=True)
    spec = read_json(run / SPEC) or {}
    write_json(run / SPEC, {**spec, "created": time.time()}, lasting=True)


def list_jobs(folder: Path) -> list[Job]:
    """Return a project's jobs, the newest first."""
    runs = Path(folder) / "jobs"
    if not runs.is_dir():
        return []
    found = []
    for run in sorted(runs.iterdir(), reverse=True):
        spec = read_json(run / SPEC)
        if spec is not None:
            found.append(Job(run.name, str(spec.get("verb")), run, tuple(spec.get("args", ()))))
    return found


def running(folder: Path, verb: str | None = None) -> list[Job]:
    """Return a project's jobs that are queued or running, the newest first."""
    return [
        job
        for job in list_jobs(folder)
        if (verb is None or job.verb == verb) and job.status().active
    ]


def _make_run_folder(runs: Path, verb: str) -> Path:
    try:
        runs.mkdir(parents=True, exist_ok=True)
        while True:
            now = datetime.now(UTC)
            run = runs / f"{now:%Y%m%d-%H%M%S}-{now.microsecond:06d}-{verb}"
            try:
                run.mkdir()
                return run
            except FileExistsError:
                continue
    except OSError as error:
        raise FewshotLabError(f"{runs} cannot be written: {error.strerror}.") from None


def _status(state: State, stored: dict[str, Any], *, message: str | None = None) -> Status:
    active = state in ("queued", "running")
    return Status(
        state=state,
        stage=stored.get("stage", ""),
        done=stored.get("done", 0),
        total=stored.get("total"),
        rate=stored.get("rate") if active else None,
        seconds_left=stored.get("seconds_left") if active else None,
        message=stored.get("message", "") if message is None else message,
        quiet_seconds=max(0.0, time.time() - stored["heartbeat"]) if "heartbeat" in stored else 0.0,
        started=stored.get("started"),
        ended=stored.get("ended"),
    )
