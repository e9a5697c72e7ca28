"""Long work in processes of its own: started, watched and stopped through files."""

from fewshot_lab.jobs.drops import clear_drops
from fewshot_lab.jobs.job import Job, Status, list_jobs, running
from fewshot_lab.jobs.job_folder import LOG, STOP, change_spec, read_spec
from fewshot_lab.jobs.queue import queue_slot
from fewshot_lab.jobs.reporter import Report, worker
from fewshot_lab.jobs.starting import launch, reset_folder, start
