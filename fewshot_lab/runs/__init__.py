"""Pretraining runs: made from a project's images, started here, on several GPUs, or by Slurm."""

from fewshot_lab.runs._create import RunImage, create_run
from fewshot_lab.runs._filter import Where, columns_of, where_of
from fewshot_lab.runs._folders import free_name
from fewshot_lab.runs._launch import (
    Place,
    environment,
    launch_again,
    launch_run,
    start_at,
    submit_new,
    torchrun,
)
from fewshot_lab.runs._prepare import (
    images_of,
    kind_of,
    prepare_run,
    recommend,
    start_named,
    usual_side,
)
from fewshot_lab.runs._rank import run_rank
from fewshot_lab.runs._ready import ready
from fewshot_lab.runs._run import Run, find_run, list_runs
from fewshot_lab.runs._slurm import (
    SlurmOptions,
    keep_slurm_settings,
    slurm_settings,
    submit,
    submitted_with,
)
from fewshot_lab.runs._trial import trial_of, try_backbone

__all__ = [
    "Place",
    "Run",
    "RunImage",
    "SlurmOptions",
    "Where",
    "columns_of",
    "create_run",
    "environment",
    "find_run",
    "free_name",
    "images_of",
    "keep_slurm_settings",
    "kind_of",
    "launch_again",
    "launch_run",
    "list_runs",
    "prepare_run",
    "ready",
    "recommend",
    "run_rank",
    "slurm_settings",
    "start_at",
    "start_named",
    "submit",
    "submit_new",
    "submitted_with",
    "torchrun",
    "trial_of",
    "try_backbone",
    "usual_side",
    "where_of",
]
