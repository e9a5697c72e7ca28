"""A job, as those see it who started it: all about it is in the files of its folder."""

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import psutil

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import known_fields, read_json
from fewshot_lab.jobs.job_folder import LOG, NOW, PROCESS, REPORT, STATUS, STOP, read_spec
from fewshot_lab.jobs.processes import ProcessId
from fewshot_lab.jobs.queue import first_word

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

    @classmethod
    def read(cls, stored: dict[str, Any], state: State | None = None, message: str = "") -> Self:
        """Return what a job wrote of itself; another state and message go before its own."""
        state = state or stored.get("state", "running")
        active = state in ("queued", "running")
        beat = stored.get("heartbeat")
        facts = known_fields(cls, stored) | {"state": state}
        if message:
            facts["message"] = message
        if not active:
            facts |= {"rate": None, "seconds_left": None}
        return cls(**facts, quiet_seconds=0.0 if beat is None else max(0.0, time.time() - beat))


@dataclass(frozen=True)
class Job:
    """A run of a verb on a project; everything about it is in the files of ``folder``."""

    id: str
    verb: str
    folder: Path
    args: tuple[str, ...] = ()

    def status(self) -> Status:
        """Return how far it is, from the files and a look at the process."""
        stored = self._stored()
        if stored.get("state") in ENDED:
            return Status.read(stored)
        if self._alive(stored):
            return Status.read(stored or dict(first_word(read_spec(self.folder) or {})))
        # It may have said its last word after it was read and before it was looked for.
        stored = self._stored()
        if stored.get("state") in ENDED:
            return Status.read(stored)
        if (self.folder / STOP).exists():
            return Status.read(stored, "stopped", "Stopped.")
        if not stored and (last := self._last_line()):
            # It ended before it became a job: a wrong argument, a package that is missing.
            return Status.read(stored, "failed", last)
        return Status.read(
            stored,
            "lost",
            "The process was ended from outside; start it again to go on from there.",
        )

    def ask_to_stop(self) -> None:
        """Ask by the file alone: also where the process is on another machine."""
        (self.folder / STOP).touch()

    def begin_now(self) -> None:
        """Let a job that waits in line begin beside the one it waits for."""
        (self.folder / NOW).touch()

    @property
    def waits_in_queue(self) -> bool:
        """Whether it waits for another job, and could begin all the same."""
        stored = self._stored()
        waits = stored.get("state") == "queued" and "Waiting" in stored.get("message", "")
        return waits and not (self.folder / NOW).exists()

    def stop(self, *, force: bool = False) -> None:
        """Ask it to stop; it ends at its next sign of progress and keeps what is finished.

        Parameters
        ----------
        force : bool
            Do not ask but end it at once, with all its processes. What was written stays valid.
        """
        stored = self._stored()
        if stored.get("state") in ENDED or not self._alive(stored):
            return
        self.ask_to_stop()
        named = self._process(stored)
        if named is None:
            return
        if force:
            named.kill_tree()
        elif process := named.process():
            with suppress(psutil.NoSuchProcess):
                process.terminate()

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

    def _stored(self) -> dict[str, Any]:
        return read_json(self.folder / STATUS) or {}

    def _process(self, stored: dict[str, Any]) -> ProcessId | None:
        return ProcessId.read(stored.get("process")) or ProcessId.read(
            read_json(self.folder / PROCESS)
        )

    def _alive(self, stored: dict[str, Any]) -> bool:
        process = self._process(stored)
        if process is None:
            spec = read_spec(self.folder) or {}
            return time.time() - float(spec.get("created", 0)) < _STARTING_SECONDS
        if not process.here:
            return time.time() - float(stored.get("heartbeat", 0)) < _STALE_SECONDS
        return process.process() is not None

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log(20).splitlines() if line.strip(" \t╭─╮╰╯│")]
        return lines[-1].strip(" │") if lines else ""


def list_jobs(folder: Path) -> list[Job]:
    """Return a project's jobs, the newest first."""
    runs = Path(folder) / "jobs"
    if not runs.is_dir():
        return []
    jobs = []
    for run in sorted(runs.iterdir(), reverse=True):
        spec = read_spec(run)
        if spec is not None:
            jobs.append(Job(run.name, str(spec.get("verb")), run, tuple(spec.get("args", ()))))
    return jobs


def running(folder: Path, verb: str | None = None) -> list[Job]:
    """Return a project's jobs that are queued or running, the newest first."""
    return [
        job
        for job in list_jobs(folder)
        if (verb is None or job.verb == verb) and job.status().active
    ]
