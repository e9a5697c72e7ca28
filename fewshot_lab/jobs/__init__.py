"""Long work in processes of its own: started, watched and stopped through files."""

from fewshot_lab.jobs._job import (
    Job,
    State,
    Status,
    begin,
    launch,
    list_jobs,
    running,
    start,
)
from fewshot_lab.jobs._queue import in_line
from fewshot_lab.jobs._worker import worker

__all__ = [
    "Job",
    "State",
    "Status",
    "begin",
    "in_line",
    "launch",
    "list_jobs",
    "running",
    "start",
    "worker",
]
