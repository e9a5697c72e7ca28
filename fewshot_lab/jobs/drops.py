"""What was dropped into a project stays for the job that reads it, and no longer."""

import shutil
import time
from pathlib import Path

from fewshot_lab.jobs.job import Job, list_jobs
from fewshot_lab.project import UPLOADS

_BEING_DROPPED_SECONDS = 3600.0


def clear_drops(folder: Path, of: Job | None = None) -> None:
    """Remove drops that no job needs any more: none that could be started again names them.

    Parameters
    ----------
    folder : Path
        Of the project.
    of : Job, optional
        Only what this job, which is gone, was to read; else all that is an hour old.
    """
    waiting = [job for job in list_jobs(folder) if job.status().state != "finished"]
    needed = [Path(word) for job in waiting for word in job.args]
    for drop in (folder / UPLOADS).glob("*"):
        if of is not None:
            free = any(Path(word).is_relative_to(drop) for word in of.args)
        else:
            free = drop.stat().st_mtime < time.time() - _BEING_DROPPED_SECONDS
        if free and not any(path.is_relative_to(drop) for path in needed):
            shutil.rmtree(drop, ignore_errors=True)
