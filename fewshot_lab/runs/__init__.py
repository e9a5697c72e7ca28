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
from fewshot_lab.runs.run_folder import free_name, read_images
from fewshot_lab.runs.slurm import (
    SlurmOptions,
    read_slurm_settings,
    slurm_options_of,
    submit_to_slurm,
    write_slurm_settings,
)
