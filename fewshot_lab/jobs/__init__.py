"""Long work in processes of its own: started, watched and stopped through files."""

from fewshot_lab.jobs.job import Job, State, Status, begin, launch, list_jobs, running, start
from fewshot_lab.jobs.queue import in_line
from fewshot_lab.jobs.worker_side import worker

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
