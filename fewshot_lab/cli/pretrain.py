"""Pretraining by DINO: the verb pretrain."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewshot_lab.cli.options import Home, Json
from fewshot_lab.cli.recipe_options import Detach, RecipeValues, asked_of, values_in, values_of
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.cli.run_screen import in_foreground
from fewshot_lab.cli.run_sentences import described
from fewshot_lab.cli.waiting import Now
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.pretrain import Advice
    from fewshot_lab.runs import Run, SlurmOptions


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command()(pretrain)


def pretrain(
    project: Annotated[
        list[str],
        typer.Argument(metavar="PROJECT...", help="Whose images to train on.", show_default=False),
    ],
    only_where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only images with this value in a column of the manifest, as their group or as "
            "their reference label; repeated, with any of the values.",
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(help="Name that 'backbones' lists, or timm's.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="imagenet|scratch|FILE|RUN",
            help="Weights to begin with: imagenet, if not said.",
            show_default=False,
        ),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(
            help="stained microscopy, dermoscopy, endoscopy or radiology grey: which changes of "
            "an image are safe. Proposed from colours and names, if not said.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Batches to train on; instead of --epochs.", min=1, show_default=False),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the images.", min=0, show_default=False)
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images in a step, of all processes.", min=2, show_default=False),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|paper",
            help="Recipe of an earlier run (its card.json or spec.json), or of Nielsen et al. "
            "2023; what else is said here stands above it.",
            show_default=False,
        ),
    ] = None,
    set_: RecipeValues = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.", show_default=False)] = None,
    nproc: Annotated[
        int | None, typer.Option(help="Processes; one for each GPU.", min=1, show_default=False)
    ] = None,
    gpu_ids: Annotated[
        str | None,
        typer.Option(metavar="0,2", help="These GPUs, a process for each.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="RUN", help="Name of the run.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run of this name, or the newest.")
    ] = False,
    detach: Detach = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the recipe with reasons and cost; start nothing."),
    ] = False,
    now: Now = False,
    slurm: Annotated[bool, typer.Option("--slurm", help="Submit it to Slurm.")] = False,
    nodes: Annotated[
        int | None, typer.Option(help="Slurm: machines.", min=1, show_default=False)
    ] = None,
    gpus: Annotated[
        int | None, typer.Option(help="Slurm: GPUs on each.", min=0, show_default=False)
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(help="Slurm: processors on each.", min=0, show_default=False)
    ] = None,
    partition: Annotated[
        str | None, typer.Option(help="Slurm: partition.", show_default=False)
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time", help="Slurm: time limit.", show_default=False)
    ] = None,
    account: Annotated[str | None, typer.Option(help="Slurm: account.", show_default=False)] = None,
    sbatch_line: Annotated[
        list[str] | None,
        typer.Option(
            help="Slurm: a further line, '#SBATCH ...' or a command; may be repeated.",
            show_default=False,
        ),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Slurm: write job.sbatch and do not submit it.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Pretrain a backbone on a project's unlabelled images by DINO."""
    from fewshot_lab.project import Project

    for each in () if resume else project:
        Project.open(each).close()  # before the seconds that torch takes to load
    from fewshot_lab.runs import launch_run, submit, submit_new

    chosen_gpus = _gpu_ids(gpu_ids)
    if len(chosen_gpus) == 1:
        device, chosen_gpus = f"cuda:{chosen_gpus[0]}", []
    elif chosen_gpus:
        device, nproc = "cuda", len(chosen_gpus)
    run = _to_resume(project, name) if resume else None
    options = _slurm_options(
        run,
        {
            "nodes": nodes,
            "gpus": gpus,
            "nproc": nproc,
            "cpus": cpus,
            "partition": partition,
            "time": time_limit,
            "account": account,
            "extra": tuple(sbatch_line) if sbatch_line else None,
        },
    )
    said = {
        "backbone": backbone,
        "start": start,
        "modality": modality,
        "steps": steps,
        "epochs": epochs,
        "batch_size": batch_size,
    }
    values = {**values_in(recipe), **values_of(set_)}
    if run is not None:
        _resumed_with(run, said, values, only_where or [])
        if slurm is False and run.spec.get("launcher") == "slurm" and run.spec.get("slurm"):
            note = "It was started by Slurm; --slurm submits it again. Here it goes on alone."
            print(note, file=sys.stderr)
            nproc = nproc or 1
    else:
        chosen = _device(device, options.gpus if slurm else None)
        made = _make(
            project,
            {
                **asked_of(said, values),
                "device": chosen,
            },
            only_where=only_where or [],
            name=name,
            nproc=options.processes if slurm else nproc or 1,
            gpus=chosen_gpus,
            dry_run=dry_run,
            as_json=json,
            check_device=not slurm,
        )
        if made is None:
            return
        run = made
    if slurm:
        sentence = (submit if resume else submit_new)(run, options, by_hand=by_hand)
        tell(described(run), f"{run.name}: {sentence}", as_json=json)
        return
    if detach:
        launch_run(run, device=device, nproc=nproc)
        if now:
            run.job.begin_now()
        text = f"Started {run.name}; 'runs {run.name}' shows how far it is."
        tell(described(run), text, as_json=json)
        return
    in_foreground(run, device=device, nproc=nproc, now=now, as_json=json)


def _gpu_ids(text: str | None) -> list[int]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise typer.BadParameter("--gpu-ids are numbers with commas between, such as 0,2")
    return [int(part) for part in parts]


def _slurm_options(run: Run | None, said: dict[str, Any]) -> SlurmOptions:
    """Return what was said here, else what the run was submitted with, else what is kept."""
    from dataclasses import replace

    from fewshot_lab.runs import slurm_settings, submitted_with

    options = (submitted_with(run) if run is not None else None) or slurm_settings()
    return replace(options, **{k: v for k, v in said.items() if v is not None})


def _make(
    projects: list[str],
    asked: dict[str, Any],
    *,
    only_where: list[str],
    name: str | None,
    nproc: int,
    gpus: list[int],
    dry_run: bool,
    as_json: bool,
    check_device: bool,
) -> Run | None:
    from fewshot_lab.pretrain import check_recipe, estimate_cost
    from fewshot_lab.project import Project
    from fewshot_lab.runs import images_of, kind_of, prepare_run, recommend, usual_side, where_of

    opened = [Project.open(each) for each in projects]
    try:
        where = where_of(opened, only_where)
        found = images_of(opened, where=where)
        images = found[0]
        advice = recommend(len(images), likely=kind_of(opened, images), **asked)
        device = asked["device"] if check_device else "cpu"
        warnings = check_recipe(
            advice.recipe, len(images), device=device, nproc=nproc, usual_side=usual_side(images)
        )
        if dry_run:
            cost = estimate_cost(advice.recipe, device=device)
            result = {
                "recipe": advice.recipe.to_dict(),
                "reasons": advice.reasons,
                "cost": asdict(cost),
                "warnings": warnings,
            }
            text = "\n".join([_explained(advice), "", *warnings, cost.sentence])
            tell(result, text, as_json=as_json)
            return None
        if asked["modality"] is None:
            print(f"{advice.recipe.modality}: {advice.reasons['modality']}", file=sys.stderr)
        for warning in warnings:
            print(warning, file=sys.stderr)
        return prepare_run(
            opened,
            advice,
            name=name,
            device=asked["device"],
            nproc=nproc,
            gpus=gpus,
            check_device=check_device,
            images=found,
            where=where,
        )
    finally:
        for each in opened:
            each.close()


def _explained(advice: Advice) -> str:
    rows = [
        [
            name,
            f"{value:g}" if isinstance(value, float) else str(value),
            advice.reasons.get(name, ""),
        ]
        for name, value in advice.recipe.to_dict().items()
    ]
    return table(["value", "", "why"], rows)


def _device(asked: str | None, slurm_gpus: int | None) -> str:
    if asked is not None:
        return asked
    if slurm_gpus is not None:
        return "cuda" if slurm_gpus else "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _to_resume(projects: list[str], name: str | None) -> Run:
    from fewshot_lab.runs import find_run, list_runs

    if name is not None:
        return find_run(name)
    for run in list_runs():
        if set(projects) <= set(run.spec.get("projects", [])) and run.status().state != "finished":
            return run
    raise FewshotLabError(f"{projects[0]!r} has no run that could be resumed.")


def _resumed_with(
    run: Run, said: dict[str, Any], values: dict[str, Any], only_where: list[str]
) -> None:
    """Resume a run with what is said here, which must be the recipe and the images it has.

    Raises
    ------
    FewshotLabError
        For another recipe, or other images.
    """
    from fewshot_lab.pretrain import steps_for
    from fewshot_lab.runs import start_named

    recipe, epochs = run.recipe, said.pop("epochs")
    values |= {name: value for name, value in said.items() if value is not None}
    if "start" in values:
        # What it started from may be gone, and with it the word's meaning.
        same = values["start"] == recipe.start.removeprefix("run:")
        values["start"] = recipe.start if same else start_named(values["start"])
    if epochs is not None:
        batch = int(values.get("batch_size", recipe.batch_size))
        values["steps"] = steps_for(epochs, int(run.spec["images"]), batch)
    run.go_on_with(**values)
    where = run.spec.get("where") or {"column": "", "values": []}
    if only_where and set(only_where) != {f"{where['column']}={v}" for v in where["values"]}:
        raise FewshotLabError(
            f"The run {run.name!r} goes on with the images it has, those of {run.source}."
        )
