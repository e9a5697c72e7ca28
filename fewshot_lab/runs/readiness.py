"""A run's folder before a new process takes it up."""

from __future__ import annotations

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.jobs import reset_folder
from fewshot_lab.runs.rank_process import remember
from fewshot_lab.runs.run import Run


def ready(run: Run, *, device: str | None = None, nproc: int | None = None) -> None:
    """Make a run's folder ready for a new process.

    Raises
    ------
    FewshotLabError
        If it is running, or has come to its end.
    """
    status = run.status()
    if run.underway:
        raise FewshotLabError(
            f"The run {run.name!r} is {status.state} already."
            if status.active
            else f"Slurm is still ending the run {run.name!r}: try again in a few seconds."
        )
    if status.state == "finished":
        raise FewshotLabError(
            f"The run {run.name!r} has finished its {status.total:,} steps: clone it with more "
            f"steps, or start another from it (--start {run.name})."
        )
    facts = {k: v for k, v in (("device", device), ("nproc", nproc)) if v is not None}
    remember(run.folder, launcher="local", **facts)
    reset_folder(run.folder)
