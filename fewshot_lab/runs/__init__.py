"""Pretraining runs: made from a project's images, started here, on several GPUs, or by Slurm.

``prepare_run`` makes a run, ``launch_run`` starts its process, ``run_rank`` is what that does.
"""

from fewshot_lab.runs.backbone_trial import read_trial, try_backbone
from fewshot_lab.runs.image_filter import ImageFilter, filter_columns, parse_filter
from fewshot_lab.runs.launch import (
    ComputeTarget,
    launch_run,
    process_environment,
    relaunch_run,
    start_run,
    submit_new_run,
    torchrun_command,
)
from fewshot_lab.runs.preparation import (
    create_run,
    median_side,
    modality_of,
    prepare_run,
    recommend_recipe,
    resolve_start,
    run_images,
)
from fewshot_lab.runs.pretraining import pretrain
from fewshot_lab.runs.rank_process import run_rank
from fewshot_lab.runs.run import Run, find_run, list_runs
from fewshot_lab.runs.run_folder import free_name, read_images, write_images
from fewshot_lab.runs.slurm import (
    SlurmOptions,
    read_slurm_settings,
    slurm_options_of,
    submit_to_slurm,
    write_slurm_settings,
)

__all__ = [
    "ComputeTarget",
    "ImageFilter",
    "Run",
    "SlurmOptions",
    "create_run",
    "filter_columns",
    "find_run",
    "free_name",
    "launch_run",
    "list_runs",
    "median_side",
    "modality_of",
    "parse_filter",
    "prepare_run",
    "pretrain",
    "process_environment",
    "read_images",
    "read_slurm_settings",
    "read_trial",
    "recommend_recipe",
    "relaunch_run",
    "resolve_start",
    "run_images",
    "run_rank",
    "slurm_options_of",
    "start_run",
    "submit_new_run",
    "submit_to_slurm",
    "torchrun_command",
    "try_backbone",
    "write_images",
    "write_slurm_settings",
]
