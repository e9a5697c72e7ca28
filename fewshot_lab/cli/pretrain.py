"""Pretraining by DINO: the verb pretrain."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewshot_lab.cli.options import app, open_project, option, options_set
from fewshot_lab.cli.recipe_options import (
    Detach,
    RecipeValues,
    is_paper,
    recipe_request,
    values_in,
    values_of,
)
from fewshot_lab.cli.reporting import tell
from fewshot_lab.cli.run_screen import in_foreground
from fewshot_lab.cli.run_sentences import described, started_sentence
from fewshot_lab.cli.run_setup import check_resumed, new_run, run_to_resume
from fewshot_lab.cli.waiting import Now

if TYPE_CHECKING:
    from fewshot_lab.runs import Run, SlurmOptions


@dataclass(frozen=True)
class RecipeOptions:
    """Values of the recipe that have options of their own."""

    backbone: Annotated[str | None, option("Name that 'backbones' lists, or timm's.")] = None
    start: Annotated[
        str | None,
        option("Weights to start from; imagenet by default.", metavar="imagenet|scratch|FILE|RUN"),
    ] = None
    modality: Annotated[
        str | None,
        option(
            "stained microscopy, dermoscopy, endoscopy, radiology grey, ultrasound, fundus, oct, "
            "photographs or other: which changes of an image are safe. By default proposed from "
            "colours and names."
        ),
    ] = None
    steps: Annotated[int | None, option("Batches to train on; instead of --epochs.", min=1)] = None
    epochs: Annotated[float | None, option("Passes over the images.", min=0)] = None
    batch_size: Annotated[int | None, option("Images in a step, of all processes.", min=2)] = None


@dataclass(frozen=True)
class ClusterOptions:
    """What to ask Slurm for; see :class:`fewshot_lab.runs.SlurmOptions`."""

    nodes: Annotated[int | None, option("Slurm: machines.", min=1)] = None
    gpus: Annotated[int | None, option("Slurm: GPUs on each.", min=0)] = None
    cpus: Annotated[
        int | None, option("Slurm: processors on each; this run's share by default.", min=0)
    ] = None
    partition: Annotated[str | None, option("Slurm: partition.")] = None
    time: Annotated[str | None, option("Slurm: time limit.")] = None
    account: Annotated[str | None, option("Slurm: account.")] = None
    extra: Annotated[
        list[str] | None,
        option(
            "Slurm: a further line, '#SBATCH ...' or a command; may be repeated.", "--sbatch-line"
        ),
    ] = None


@app.command()
def pretrain(
    project: Annotated[
        list[str], typer.Argument(metavar="PROJECT...", help="Whose images to train on.")
    ],
    only_where: Annotated[
        list[str] | None,
        option(
            "Only images with this value in a column of the manifest, as their group or as "
            "their reference label; repeated, with any of the values.",
            metavar="COLUMN=VALUE",
        ),
    ] = None,
    recipe_options: RecipeOptions = RecipeOptions(),
    adapt: Annotated[
        str | None,
        option(
            "For large transformers: the weights stay frozen, and few added ones are trained.",
            metavar="lora|apla",
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        option(
            "Recipe of an earlier run (its card.json or spec.json), or of Nielsen et al. 2023; "
            "other options override it.",
            metavar="FILE|paper",
        ),
    ] = None,
    set_: RecipeValues = None,
    device: Annotated[str | None, option("cpu or cuda.")] = None,
    nproc: Annotated[int | None, option("Processes; one for each GPU.", min=1)] = None,
    gpu_ids: Annotated[str | None, option("These GPUs, a process for each.", metavar="0,2")] = None,
    name: Annotated[str | None, option("Name of the run.", metavar="RUN")] = None,
    resume: Annotated[bool, option("Resume the run of this name, or the newest.")] = False,
    detach: Detach = False,
    dry_run: Annotated[
        bool, option("Show the recipe with reasons and cost; start nothing.")
    ] = False,
    now: Now = False,
    slurm: Annotated[bool, option("Submit it to Slurm.")] = False,
    cluster_options: ClusterOptions = ClusterOptions(),
    by_hand: Annotated[bool, option("Slurm: write job.sbatch and do not submit it.")] = False,
) -> None:
    """Pretrain a backbone on a project's unlabelled images by DINO."""
    for each in () if resume else project:
        with open_project(each):  # before the seconds that torch takes to load
            pass
    from fewshot_lab.runs import launch_run, submit_new_run, submit_to_slurm

    chosen_gpus = _gpu_ids(gpu_ids)
    if len(chosen_gpus) == 1:
        device, chosen_gpus = f"cuda:{chosen_gpus[0]}", []
    elif chosen_gpus:
        device, nproc = "cuda", len(chosen_gpus)
    run = run_to_resume(project, name) if resume else None
    options = _slurm_options(run, cluster_options, nproc)
    of_recipe = asdict(recipe_options)
    values = {**values_in(recipe), **values_of(set_)}
    if adapt is not None:
        values["adapt"] = adapt
    if run is not None:
        check_resumed(run, of_recipe, values, only_where or [])
        if not slurm and run.spec.get("launcher") == "slurm" and run.spec.get("slurm"):
            note = (
                "It was started by Slurm; --slurm submits it again. It now continues on this "
                "machine."
            )
            print(note, file=sys.stderr)
            nproc = nproc or 1
    else:
        chosen = device or _usual_device(options.gpus if slurm else None)
        run = new_run(
            project,
            {**recipe_request(of_recipe, values), "device": chosen, "paper": is_paper(recipe)},
            only_where=only_where or [],
            name=name,
            nproc=options.processes if slurm else nproc or 1,
            gpus=chosen_gpus,
            dry_run=dry_run,
            check_device=not slurm,
        )
        if run is None:
            return
    if slurm:
        sentence = (submit_to_slurm if resume else submit_new_run)(run, options, by_hand=by_hand)
        tell(described(run), f"{run.name}: {sentence}")
    elif detach:
        launch_run(run, device=device, nproc=nproc)
        if now:
            run.job.begin_now()
        tell(described(run), started_sentence(run))
    else:
        in_foreground(run, device=device, nproc=nproc, now=now)


def _gpu_ids(text: str | None) -> list[int]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise typer.BadParameter("--gpu-ids are numbers with commas between, such as 0,2")
    return [int(part) for part in parts]


def _slurm_options(run: Run | None, cluster: ClusterOptions, nproc: int | None) -> SlurmOptions:
    """Return what is asked for here, else what the run was submitted with, else what is kept."""
    from fewshot_lab.runs import read_slurm_settings, slurm_options_of

    options = (slurm_options_of(run) if run is not None else None) or read_slurm_settings()
    changes = options_set(cluster)
    if nproc is not None:
        changes["nproc"] = nproc
    if cluster.extra:
        changes["extra"] = tuple(cluster.extra)
    return replace(options, **changes)


def _usual_device(slurm_gpus: int | None) -> str:
    if slurm_gpus is not None:
        return "cuda" if slurm_gpus else "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
