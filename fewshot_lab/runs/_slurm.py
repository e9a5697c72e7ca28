"""Starting a run by Slurm: a readable ``job.sbatch`` that a person can edit and submit by hand.

What the cluster says comes from ``squeue`` alone: many clusters keep no accounts for ``sacct``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import fewshot_lab
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import RUNS, home
from fewshot_lab.jobs import Status
from fewshot_lab.runs._files import read_object, write_object
from fewshot_lab.runs._launch import ready
from fewshot_lab.runs._rank import remember
from fewshot_lab.runs._run import Run

SCRIPT = "job.sbatch"
SUBMITTED = "slurm.json"
_ENDED_BY_SLURM = 60.0
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "CONFIGURING", "SPECIAL_EXIT")
_REASONS = {
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
SETTINGS = "slurm.json"
"""In the folder of all runs: what this cluster wants, for the page and the terminal."""


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask the cluster for.

    Attributes
    ----------
    nodes : int
    gpus : int
        For each node; 0 trains on CPUs.
    nproc : int
        Processes on each node; as many as GPUs where there are any.
    partition, time, account : str
        As sbatch takes them; empty for the cluster's own.
    cpus : int
        For each node; 0 for the cluster's own.
    extra : tuple of str
        Further lines for the script: ``#SBATCH ...`` or commands (``module load ...``). Also
        taken from the environment variable FEWSHOT_LAB_SBATCH, separated by ``;``.
    """

    nodes: int = 1
    gpus: int = 0
    nproc: int = 1
    partition: str = ""
    time: str = ""
    account: str = ""
    cpus: int = 0
    extra: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """On all nodes."""
        return self.nodes * (self.gpus or self.nproc)


def slurm_settings() -> SlurmOptions:
    """Return what was kept for this cluster; what is missing or makes no sense is the default."""
    stored = read_object(home() / RUNS / SETTINGS) or {}
    usual = SlurmOptions()
    found: dict[str, Any] = {}
    for known in fields(SlurmOptions):
        value = stored.get(known.name, getattr(usual, known.name))
        if known.name == "extra":
            value = tuple(str(line) for line in value) if isinstance(value, list | tuple) else ()
        elif type(value) is not type(getattr(usual, known.name)):
            value = getattr(usual, known.name)
        found[known.name] = value
    return SlurmOptions(**found)


def keep_slurm_settings(options: SlurmOptions) -> None:
    """Keep what this cluster wants for the next time."""
    (home() / RUNS).mkdir(parents=True, exist_ok=True)
    write_object(home() / RUNS / SETTINGS, asdict(options))


def submitted_with(run: Run) -> SlurmOptions | None:
    """Return what the cluster was asked for a run the last time; None if it never was."""
    stored = run.spec.get("slurm")
    if not stored:
        return None
    return SlurmOptions(**{**stored, "extra": tuple(stored.get("extra", ()))})


def submit(run: Run, options: SlurmOptions, *, by_hand: bool = False) -> str:
    """Write a run's ``job.sbatch`` and hand it to Slurm.

    Parameters
    ----------
    by_hand
        Only write the script.

    Returns
    -------
    str
        A sentence: the job's number, or how to submit the script.

    Raises
    ------
    FewshotLabError
        If Slurm is not here, or refuses the job.
    """
    if not by_hand and shutil.which("sbatch") is None:
        raise FewshotLabError(
            "There is no Slurm here (no sbatch): start from a login node of the cluster, or "
            "leave out --slurm."
        )
    ready(run, device="cuda" if options.gpus else "cpu", nproc=options.processes)
    remember(run.folder, launcher="slurm", nodes=options.nodes, slurm=asdict(options))
    script = run.folder / SCRIPT
    script.write_text(render(run, options), encoding="utf-8")
    # An earlier job says nothing of this one.
    (run.folder / SUBMITTED).unlink(missing_ok=True)
    if by_hand:
        return f"Submit it with: sbatch {shlex.quote(str(script))}"
    return _sbatch(run.folder, script)


def _sbatch(folder: Path, script: Path) -> str:
    asked = subprocess.run(
        ["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise FewshotLabError(f"Slurm did not take the job: {reason}")
    number = asked.stdout.strip().split(";")[0]
    _asked.cache_clear()
    write_object(folder / SUBMITTED, {"job_id": number, "submitted": time.time()})
    return f"Slurm has it as job {number}."


def render(run: Run, options: SlurmOptions) -> str:
    """Return the text of ``job.sbatch``."""
    nproc = options.gpus or options.nproc
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name=fewshot-{run.name}",
        f"#SBATCH --nodes={options.nodes}",
        "#SBATCH --ntasks-per-node=1",
    ]
    for name, value in (
        ("cpus-per-task", options.cpus),
        ("gpus-per-node", options.gpus),
        ("partition", options.partition),
        ("time", options.time),
        ("account", options.account),
    ):
        if value:
            lines.append(f"#SBATCH --{name}={value}")
    lines += [
        f"#SBATCH --output={run.folder}/log.txt",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "# Two minutes before the time is up, or when another job needs the nodes: a checkpoint.",
        "#SBATCH --signal=B:USR1@120",
    ]
    extra = [*options.extra, *os.environ.get("FEWSHOT_LAB_SBATCH", "").split(";")]
    lines += [line.strip() for line in extra if line.strip().startswith("#SBATCH")]
    package = Path(fewshot_lab.__file__).resolve().parent.parent
    lines += [
        "",
        "set -u",
        f"export FEWSHOT_LAB_HOME={shlex.quote(str(home()))}",
        f"export PYTHONPATH={shlex.quote(str(package))}${{PYTHONPATH:+:$PYTHONPATH}}",
        "export PYTHONUNBUFFERED=1",
        *[line.strip() for line in extra if line.strip() and not line.strip().startswith("#")],
        "",
        f"run={shlex.quote(str(run.folder))}",
        "# Where the processes of all nodes meet: the first node, by the address Slurm has of it.",
        'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        "first=$(scontrol show node \"$first\" | sed -n 's/.*NodeAddr=\\([^ ]*\\).*/\\1/p')",
        "port=$((20000 + SLURM_JOB_ID % 20000))",
        'rm -f "$run/stop"',
        'echo "{\\"job_id\\": \\"$SLURM_JOB_ID\\"}" > "$run/slurm.json"',
        "",
        "srun --kill-on-bad-exit=1 \\",
        f"  {shlex.quote(sys.executable)} -m torch.distributed.run \\",
        f"  --nnodes={options.nodes} --nproc-per-node={nproc} --max-restarts=0 \\",
        '  --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="$first:$port" \\',
        f'  --no-python {shlex.quote(sys.executable)} -m fewshot_lab pretrain-rank "$run" &',
        "training=$!",
        "",
        "# Preempted or out of time: let the run write its checkpoint, then queue again.",
        "again() {",
        '  touch "$run/stop"',
        '  wait "$training"',
        '  scontrol requeue "$SLURM_JOB_ID"',
        "  exit 0",
        "}",
        "# Cancelled: a checkpoint, and no more.",
        "end() {",
        '  touch "$run/stop"',
        '  wait "$training"',
        "  exit 0",
        "}",
        "trap again USR1",
        "trap end TERM",
        'wait "$training"',
        "",
    ]
    return "\n".join(lines)


def job_id(folder: Path) -> str | None:
    """Return the number Slurm gave a run's job."""
    stored = read_object(folder / SUBMITTED)
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
    return _asked(number, int(time.monotonic() / _ASK_EVERY))


@lru_cache(maxsize=64)
def _asked(number: str, moment: int) -> tuple[str, str] | None:
    """Ask once for all who want to know within the same moment."""
    try:
        asked = subprocess.run(
            ["squeue", "-h", "-j", number, "-o", "%T|%R"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        raise LookupError("squeue takes long") from None
    if asked.returncode and "nvalid job id" not in asked.stderr:
        raise LookupError(asked.stderr)
    state, _, reason = asked.stdout.strip().partition("|")
    return (state, reason) if state else None


def in_queue(folder: Path) -> bool:
    """Say whether Slurm has a run's job, waiting or running, at this very moment."""
    _asked.cache_clear()
    number = job_id(folder)
    try:
        said = squeue(number) if number else None
    except LookupError:
        return False
    return said is not None and said[0] not in (*_GONE, "COMPLETING")


def queue_state(folder: Path, status: Status) -> Status:
    """Return a run's status, corrected by what the queue says."""
    number = job_id(folder)
    if number is None:
        return status
    try:
        said = squeue(number)
    except LookupError:
        return status
    if said is not None and said[0] in _GONE:
        said = None
    if status.state == "stopped" and not (said and (said[0] in _WAITING or _began_again(folder))):
        ending = f"{status.message} Slurm is ending job {number}, or queues it again."
        return replace(status, message=ending.lstrip()) if said else status
    if said is None:
        if status.state == "running" and status.quiet_seconds < _ENDED_BY_SLURM:
            return status
        return replace(status, state="lost")
    state, reason = said
    if state in _WAITING:
        word = re.sub(r"[()]", "", reason)
        why = f"{_REASONS[word]} ({word})" if word in _REASONS else f"({word})"
        return replace(status, state="queued", message=f"Slurm job {number} waits {why}.")
    if status.state in ("lost", "queued", "stopped"):
        word = "is starting" if state == "RUNNING" else f"is {state.lower()}"
        return replace(status, state="running", message=f"Slurm job {number} {word}.")
    return status


def _began_again(folder: Path) -> bool:
    """Say whether Slurm has started the job once more since the run last stopped."""
    submitted, status = folder / SUBMITTED, folder / "status.json"
    try:
        return not status.exists() or submitted.stat().st_mtime > status.stat().st_mtime
    except OSError:
        return False


def cancel_queued(folder: Path) -> None:
    """Take a job that has not begun out of the queue; one that runs stops by itself."""
    number = job_id(folder)
    try:
        said = squeue(number) if number else None
    except LookupError:
        return
    if number and said and said[0] in _WAITING:
        subprocess.run(["scancel", number], capture_output=True, check=False)
