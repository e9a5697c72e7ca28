"""The protocol of Nielsen et al. 2023 in one command: pretrain, embed, evaluate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fewshot_lab.cli.few_shot import nshot
from fewshot_lab.cli.options import ProjectName, app, open_project, option
from fewshot_lab.cli.pretrain import RecipeOptions, pretrain
from fewshot_lab.cli.recipe_options import RecipeValues
from fewshot_lab.cli.reporting import listed, progress
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import Stopped

if TYPE_CHECKING:
    from fewshot_lab.runs import Run

PAPER = Path("paper")


@app.command(json=False)
def reproduce(
    project: ProjectName,
    name: Annotated[str | None, option("Name of the run; paper-PROJECT by default.")] = None,
    epochs: Annotated[
        float | None, option("Passes over the images; the paper's 500 by default.", min=0)
    ] = None,
    batch_size: Annotated[
        int | None, option("Images in a step; the paper's 256 by default.", min=2)
    ] = None,
    set_: RecipeValues = None,
    draws: Annotated[int | None, option("Draws of labels; the paper's by default.", min=1)] = None,
    min_class_size: Annotated[int, option("Leave out classes with fewer images.", min=0)] = 0,
    split_csv: Annotated[
        Path | None, option("A CSV with the columns path and split (train, test).")
    ] = None,
    device: Annotated[str | None, option("cpu or cuda.")] = None,
    out: Annotated[Path | None, option("The JSON file to write the curve to.")] = None,
    now: Now = False,
) -> None:
    """Pretrain, embed and evaluate as Nielsen et al. 2023 did; the same command resumes.

    Each part keeps what it has done: stopped or killed, the command is given once more.
    """
    with open_project(project):
        run_name = name or f"paper-{project}"
    run = _run_named(run_name)
    try:
        if run is None:
            pretrain(
                [project],
                name=run_name,
                recipe=PAPER,
                recipe_options=RecipeOptions(epochs=epochs, batch_size=batch_size),
                set_=set_,
                device=device,
                now=now,
            )
        elif run.status().state != "finished":
            print(f"{run_name}: goes on with the recipe it began with.", file=sys.stderr)
            pretrain([project], name=run_name, resume=True, device=device, now=now)
        else:
            print(f"{run_name}: is trained.", file=sys.stderr)
    except Stopped as stopped:
        raise Stopped("Stopped; the same command goes on from the checkpoint.") from stopped
    backbone = f"run:{run_name}"
    heavy = in_turn(project, now=now, device=device)
    with progress(heavy) as report, open_project(project) as opened:
        with opened.through(backbone) as seen:
            done = seen.embed(device=device, progress=report)
        listed(done.failed)
    nshot(
        project,
        shots="paper",
        draws=draws,
        backbone=[backbone],
        min_class_size=min_class_size,
        split_csv=split_csv,
        out=out,
        now=now,
    )


def _run_named(name: str) -> Run | None:
    from fewshot_lab.runs import list_runs

    return next((run for run in list_runs() if run.name == name), None)
