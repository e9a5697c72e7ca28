"""Pretraining by DINO: pretrain, runs, stop."""

from __future__ import annotations

import contextlib
import json as json_
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewshot_lab.cli._options import Home, Json
from fewshot_lab.cli._report import plural, table, tell
from fewshot_lab.errors import FewshotLabError, Stopped

if TYPE_CHECKING:
    from fewshot_lab.jobs import Status
    from fewshot_lab.pretrain import Advice
    from fewshot_lab.progress import Progress
    from fewshot_lab.runs import Run, SlurmOptions


RunName = Annotated[str, typer.Argument(metavar="RUN", help="The run's name.", show_default=False)]
RecipeValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other value of the recipe; may be repeated.",
        show_default=False,
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Start it and return; 'runs' shows how far it is.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command()(pretrain)
    app.command()(runs)
    app.command()(stop)
    app.command(name="clone-run")(clone_run)
    app.command(name="delete-run")(delete_run)
    app.command(name="pretrain-rank", hidden=True)(pretrain_rank)


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
    now: Annotated[
        bool, typer.Option("--now", help="Begin beside other heavy work, without waiting in line.")
    ] = False,
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
    values = {**_from_file(recipe), **_values(set_)}
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
                **_asked(said, values),
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
    _foreground(run, device=device, nproc=nproc, now=now, as_json=json)


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


def _values(pairs: list[str] | None) -> dict[str, Any]:
    found = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"--set takes NAME=VALUE, and {pair!r} has no '='")
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def _from_file(path: Path | None) -> dict[str, Any]:
    """Return the recipe in a run's card or job file.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, or holds no recipe.
    """
    from fewshot_lab.pretrain import Recipe

    if path is None:
        return {}
    if str(path) == "paper":
        return Recipe.paper().to_dict()
    try:
        found = json_.loads(path.read_text(encoding="utf-8"))
        values: dict[str, Any] = found.get("recipe", found)
        Recipe.from_dict(values)
        return dict(values)
    except OSError as error:
        raise FewshotLabError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, AttributeError):
        raise FewshotLabError(
            f"{path} holds no recipe: give a run's card.json or spec.json."
        ) from None


def _asked(said: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Put what the options of their own say above the same names among the other values."""
    if said["epochs"] is not None:
        values.pop("steps", None)
    asked = {name: values.pop(name, None) if v is None else v for name, v in said.items()}
    return {**asked, "start": asked["start"] or "imagenet", "values": values}


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


def _foreground(
    run: Run, *, device: str | None, nproc: int | None, now: bool, as_json: bool
) -> None:
    from fewshot_lab.runs import ready, run_rank, torchrun

    ready(run, device=device, nproc=nproc)
    if now:
        run.job.begin_now()
    quiet = as_json or not sys.stderr.isatty()
    print(f"{run.name}: {run.folder}", file=sys.stderr)
    processes = int(run.spec.get("nproc", 1))
    try:
        with (_lines if quiet else _display)(run) as report:
            if processes == 1:
                run_rank(run.folder, also=report)
            else:
                _follow(run, torchrun(run, processes), report)
    except Stopped:
        raise Stopped(
            f"Stopped at step {run.status().done:,}; go on with: python -m fewshot_lab pretrain "
            f"{' '.join(run.spec['projects'])} --name {run.name} --resume"
        ) from None
    tell(described(run), _sentence(run), as_json=as_json)


def _follow(run: Run, command: list[str], report: Progress) -> None:
    """Start several processes and show how far the first is; Ctrl+C stops them all."""
    from fewshot_lab.runs import environment

    with (run.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **environment(run)},
        )

    def ask(*_: object) -> None:
        run.job.ask_to_stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while process.poll() is None:
            status = run.status()
            report(status.stage, status.done, status.total)
            time.sleep(0.3)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    status = run.status()
    if status.state == "stopped":
        raise Stopped("")
    if status.state != "finished":
        raise FewshotLabError(status.message or f"The run ended ({run.folder}/log.txt says why).")


@contextlib.contextmanager
def _lines(run: Run) -> Iterator[Progress]:
    """Write a line every ten seconds, for logs."""
    last = 0.0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last < 10 and done != total:
            return
        last = time.monotonic()
        words = _now(run) if stage == "pretraining" else ""
        of = f" of {total:,}" if total else ""
        print(f"{stage} {done:,}{of}{'; ' + words if words else ''}", file=sys.stderr, flush=True)

    yield report


@contextlib.contextmanager
def _display(run: Run) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}
    read = 0.0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal read
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total, completed=done, words="")
        if stage == "pretraining" and time.monotonic() - read > 1:
            read = time.monotonic()
            bars.update(tasks[stage], words=_now(run))
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield report


def _now(run: Run) -> str:
    """Return loss, speed, the last check beside the frozen start, and health, in words."""
    rows = run.metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    checks = [row for row in rows if row["kind"] == "check"]
    words = []
    if steps:
        last = steps[-1]
        if last["loss"] is not None:
            words.append(f"loss {last['loss']:.3f}")
        words.append(f"{last['images_per_second']:.1f} images/s")
    if checks and (judged := _judged(checks)):
        words.append(judged)
    health = run.health()
    if health and health["state"] == "watch":
        words.append(f"perhaps {health['name']}")
    elif health and health["state"] == "bad":
        words.append(health["name"])
    return ", ".join(words)


def _judged(checks: list[dict[str, Any]]) -> str:
    """Return the kNN figure of the last check and of the frozen start."""
    first, last = checks[0], checks[-1]
    if last["knn"] is None:
        return f"rank {last['rank']:.0f} (start {first['rank']:.0f})"
    knn = last["knn"]
    start = first["knn"]["value"] if first["knn"] else float("nan")
    between = f"{knn['low']:.3f}-{knn['high']:.3f}"
    words = f"kNN {knn['value']:.3f} ({between}), frozen start {start:.3f}"
    gain = last.get("knn_gain")
    if gain is None or last is first:
        return words
    low, high = 100 * gain["low"], 100 * gain["high"]
    return f"{words}, gain {100 * gain['value']:+.1f} points ({low:+.1f} to {high:+.1f})"


def runs(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's name, for all about it.", show_default=False),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the pretraining runs, or say all about one."""
    from fewshot_lab.runs import find_run, list_runs

    if run is not None:
        found = find_run(run)
        tell(described(found), _about(found), as_json=json)
        return
    every = list_runs()
    rows = []
    for each in every:
        status = each.status()
        health = each.health() or {}
        rows.append(
            [
                each.name,
                status.state,
                f"{status.done:,}/{status.total:,}",
                _health_word(health),
                _judged(each.checks()) if each.checks() else "",
                str(each.backbone or ""),
            ]
        )
    head = ["run", "state", "steps", "health", "is it helping?", "weights"]
    text = table(head, rows) if rows else "There are no runs yet: 'pretrain PROJECT' starts one."
    tell({"runs": [described(each) for each in every]}, text, as_json=json)


def _health_word(health: dict[str, Any]) -> str:
    if health.get("state") == "watch":
        return f"perhaps {health['name']}"
    return str(health.get("name") or health.get("state") or "")


def described(run: Run) -> dict[str, Any]:
    """Return all about a run, as JSON can hold it."""
    status = run.status()
    rows = run.metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    checks = [row for row in rows if row["kind"] == "check"]
    total = status.total or run.recipe.steps
    return {
        "name": run.name,
        "state": status.state,
        "step": status.done,
        "steps": total,
        "progress": status.done / total if total else 0.0,
        "seconds_left": status.seconds_left,
        "message": status.message,
        "health": run.health(),
        "metrics": steps[-1] if steps else None,
        "check": checks[-1] if checks else None,
        "frozen_start": checks[0] if checks else None,
        "weights": str(run.backbone) if run.backbone else None,
        "backbone": f"run:{run.name}" if run.backbone else None,
        "folder": str(run.folder),
        "projects": run.spec.get("projects", []),
        "where": run.spec.get("where"),
        "launcher": run.spec.get("launcher"),
        "device": run.spec.get("device"),
    }


def _about(run: Run) -> str:
    status = run.status()
    n = int(run.spec.get("images", 0))
    lines = [_state(run, status), f"Learns from {plural(n, 'image')} of {run.source}."]
    if words := _now(run):
        lines.append(f"Now: {words}.")
    health = run.health()
    if health and health["state"] == "watch":
        lines.append(f"Health: watched, perhaps {health['name']}. {health['sentence']}")
    elif health and health.get("sentence") and health["sentence"] not in status.message:
        lines.append(f"Health: {health['sentence']} {health['advice']}".rstrip())
    if health and health["state"] == "bad" and not status.active:
        sets = "".join(f" --set {k}={v}" for k, v in health.get("changes", {}).items())
        blamed = [row["bad_images"] for row in run.metrics() if row.get("bad_images")]
        sets += "".join(f" --without {image}" for image in (blamed[-1] if blamed else ()))
        lines.append(f"Try: python -m fewshot_lab clone-run {run.name}{sets}")
    if run.backbone:
        lines.append(f"Weights: {run.backbone} (as a backbone: run:{run.name})")
    return "\n".join(lines)


def _state(run: Run, status: Status) -> str:
    text = f"{run.name}: {status.state}, step {status.done:,} of {status.total or 0:,}."
    return f"{text} {status.message}".rstrip()


def _sentence(run: Run) -> str:
    text = f"{run.name} has learnt from {plural(int(run.spec.get('images', 0)), 'image')}."
    checks = run.checks()
    if checks:
        text += f"\nIs it helping? {_judged(checks)}."
    first = run.spec["projects"][0]
    return f"{text}\nUse it: python -m fewshot_lab embed {first} --backbone run:{run.name}"


def stop(
    run: RunName,
    wait: Annotated[float, typer.Option(help="Seconds to wait for its checkpoint.", min=0)] = 60.0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop a run; it writes a checkpoint first and can be resumed."""
    from fewshot_lab.runs import find_run

    found = find_run(run)
    found.stop()
    until = time.monotonic() + wait
    while (status := found.status()).active and time.monotonic() < until:
        time.sleep(0.2)
    text = _state(found, status)
    if status.active:
        text = f"{found.name} was asked to stop and will after its step in hand."
    tell(described(found), text, as_json=json)


def clone_run(
    run: RunName,
    name: Annotated[
        str | None, typer.Option(help="Of the new run.", metavar="RUN", show_default=False)
    ] = None,
    set_: RecipeValues = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="An image to leave out; may be repeated.", show_default=False
        ),
    ] = None,
    detach: Detach = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Train on the same images once more, with other values of the recipe."""
    from fewshot_lab.pretrain import check_recipe
    from fewshot_lab.runs import find_run, free_name, launch_again

    found = find_run(run)
    changes = _values(set_)
    spec = found.spec
    check_recipe(found.recipe.changed(**changes), int(spec["images"]), nproc=int(spec["nproc"]))
    made = found.clone(name or free_name(found.name), without=without or (), **changes)
    if detach or spec.get("launcher") == "slurm":
        launch_again(made)
        text = f"Started {made.name}; 'runs {made.name}' shows how far it is."
        tell(described(made), text, as_json=json)
        return
    _foreground(made, device=None, nproc=None, now=False, as_json=json)


def delete_run(
    run: RunName,
    home: Home = None,
    json: Json = False,
) -> None:
    """Delete a run with its checkpoints and its backbone; projects that use it keep a copy."""
    from fewshot_lab.runs import find_run

    found = find_run(run)
    found.delete()
    tell({"deleted": found.name}, f"{found.name} is deleted.", as_json=json)


def pretrain_rank(
    folder: Annotated[Path, typer.Argument()],
    job: Annotated[Path | None, typer.Option("--job", hidden=True)] = None,
) -> None:
    """Train a run's folder as one of its processes."""
    from fewshot_lab.runs import run_rank

    run_rank(folder)
