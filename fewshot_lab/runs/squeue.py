"""What Slurm says of a run's job, and of its nodes.

From ``squeue`` alone: many clusters keep no accounts for ``sacct``.
"""

import re
import shutil
import subprocess
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from fewshot_lab.files import read_json, write_json
from fewshot_lab.jobs import Status

SUBMITTED = "slurm.json"
_ENDED_BY_SLURM = 60.0
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "CONFIGURING", "SPECIAL_EXIT")
_REASONS = {
    "None": "for its turn",
    "Resources": "for free nodes",
    "Priority": "behind other jobs",
    "BeginTime": "some two minutes to begin again",
}
_GONE = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
)
_ASK_EVERY = 2.0
"""Seconds; a page asks several times at once, and a cluster's controller is not to be pestered."""


def keep_job_id(folder: Path, number: str) -> None:
    """Note the number that Slurm gave a run's job."""
    _queue_entry.cache_clear()
    write_json(folder / SUBMITTED, {"job_id": number, "submitted": time.time()})


def forget_job_id(folder: Path) -> None:
    """Forget an earlier job of a run: it says nothing of the next."""
    (folder / SUBMITTED).unlink(missing_ok=True)


def job_id(folder: Path) -> str | None:
    """Return the number Slurm gave a run's job."""
    stored = read_json(folder / SUBMITTED)
    return str(stored["job_id"]) if stored and stored.get("job_id") else None


def squeue(number: str) -> tuple[str, str] | None:
    """Return a job's state and reason as squeue says it; None once it is gone.

    Raises
    ------
    LookupError
        If Slurm does not answer now, so that nothing can be said.
    """
    if shutil.which("squeue") is None:
        raise LookupError("no squeue here")
    return _queue_entry(number, int(time.monotonic() / _ASK_EVERY))


@lru_cache(maxsize=64)
def _queue_entry(number: str, moment: int) -> tuple[str, str] | None:
    """Ask once for all who want to know within the same moment."""
    answer = _answer("squeue", "-h", "-j", number, "-o", "%T|%R")
    if answer is None:
        raise LookupError("squeue takes long")
    if answer.returncode and "nvalid job id" not in answer.stderr:
        raise LookupError(answer.stderr)
    state, _, reason = answer.stdout.strip().partition("|")
    return (state, reason) if state else None


def _answer(*command: str) -> subprocess.CompletedProcess[str] | None:
    """Return what a command of Slurm answers; None where it takes long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except subprocess.TimeoutExpired:
        return None


def nodes_of(partition: str) -> list[tuple[int, int]]:
    """Return processors and GPUs of each kind of node in a partition; none if Slurm is silent.

    Parameters
    ----------
    partition
        Its name; empty for the cluster's usual one.
    """
    answer = _answer("sinfo", "-h", "-o", "%P|%c|%G") if shutil.which("sinfo") else None
    nodes = []
    for line in answer.stdout.splitlines() if answer else ():
        name, _, rest = line.partition("|")
        cpus, _, gres = rest.partition("|")
        chosen = name.rstrip("*") in partition.split(",") if partition else name.endswith("*")
        if chosen and (count := re.match(r"\d+", cpus)):
            gpus = sum(int(number) for number in re.findall(r"\bgpu(?::[^:,(]+)?:(\d+)", gres))
            nodes.append((int(count[0]), gpus))
    return nodes


def in_queue(folder: Path) -> bool:
    """Say whether Slurm has a run's job, waiting or running, at this very moment."""
    _queue_entry.cache_clear()
    number = job_id(folder)
    try:
        entry = squeue(number) if number else None
    except LookupError:
        return False
    return entry is not None and entry[0] not in (*_GONE, "COMPLETING")


def queue_state(folder: Path, status: Status) -> Status:
    """Return a run's status, corrected by what the queue says."""
    number = job_id(folder)
    if number is None:
        return status
    try:
        entry = squeue(number)
    except LookupError:
        return status
    # What a node that has gone leaves may be completing for minutes.
    if entry and (entry[0] in _GONE or (entry[0] == "COMPLETING" and status.state != "stopped")):
        entry = None
    if status.state == "stopped" and not (entry and (entry[0] in _WAITING or _began_again(folder))):
        ending = f"{status.message} Slurm is ending job {number}, or queues it again."
        return replace(status, message=ending.lstrip()) if entry else status
    if entry is None:
        if status.state == "running" and status.quiet_seconds < _ENDED_BY_SLURM:
            return status
        return replace(status, state="lost")
    state, reason = entry
    if state in _WAITING:
        word = re.sub(r"[()]", "", reason)
        why = f"{_REASONS.get(word, '')} ({word})".lstrip().removesuffix(" (None)")
        return replace(status, state="queued", message=f"Slurm job {number} waits {why}.")
    if status.state in ("lost", "queued", "stopped"):
        word = "is starting" if state == "RUNNING" else f"is {state.lower()}"
        return replace(status, state="running", message=f"Slurm job {number} {word}.")
    return status


def launch_error(folder: Path, log: str) -> str:
    """Return why srun could not start a process on a node, by its log; empty if it could."""
    failed = re.findall(
        rf"Task launch for StepId={job_id(folder)}\.\d+ failed on node ([^:]+): (.+)", log
    )
    return "Slurm could not start it on the node {} ({})".format(*failed[-1]) if failed else ""


def _began_again(folder: Path) -> bool:
    """Say whether Slurm has started the job once more since the run last stopped."""
    job, status = folder / SUBMITTED, folder / "status.json"
    try:
        return not status.exists() or job.stat().st_mtime > status.stat().st_mtime
    except OSError:
        return False


def cancel_queued(folder: Path) -> None:
    """Take a job that has not begun out of the queue; one that runs stops by itself."""
    number = job_id(folder)
    try:
        entry = squeue(number) if number else None
    except LookupError:
        return
    if number and entry and entry[0] in _WAITING:
        subprocess.run(["scancel", number], capture_output=True, check=False)
