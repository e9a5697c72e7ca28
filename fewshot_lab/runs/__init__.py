"""Pretraining runs: made from a project's images, started here, on several GPUs, or by Slurm."""

from fewshot_lab.runs.backbone_trial import trial_of, try_backbone
from fewshot_lab.runs.creation import RunImage, create_run
from fewshot_lab.runs.folders import free_name
from fewshot_lab.runs.image_filter import Where, columns_of, where_of
from fewshot_lab.runs.launch import (
    Place,
    environment,
    launch_again,
    launch_run,
    start_at,
    submit_new,
    torchrun,
)
from fewshot_lab.runs.preparation import (
    images_of,
    kind_of,
    prepare_run,
    recommend,
    start_named,
    usual_side,
)
from fewshot_lab.runs.pretraining import pretrain
from fewshot_lab.runs.rank_process import run_rank
from fewshot_lab.runs.readiness import ready
from fewshot_lab.runs.run import Run, find_run, list_runs
from fewshot_lab.runs.slurm import (
    SlurmOptions,
    keep_slurm_settings,
    slurm_settings,
    submit,
    submitted_with,
)

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
    "pretrain",
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
