"""The pretraining runs: runs, stop, clone-run, delete-run, merge-adapter."""

import os
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import app, option
from fewshot_lab.cli.recipe_options import Detach, RecipeValues, values_of
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.cli.run_screen import in_foreground
from fewshot_lab.cli.run_sentences import about, described, judged, started_sentence, state_line
from fewshot_lab.errors import Stopped

RunName = Annotated[str, typer.Argument(metavar="RUN", show_default=False, help="The run's name.")]


@app.command()
def runs(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's name, to show its details.")
    ] = None,
) -> None:
    """List the pretraining runs, or show one in detail."""
    from fewshot_lab.runs import find_run, list_runs

    if run is not None:
        one = find_run(run)
        tell(described(one), about(one))
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
                each.ailment or health.get("state", ""),
                judged(each.checks()) if each.checks() else "",
                str(each.backbone or ""),
            ]
        )
    head = ["run", "state", "steps", "health", "is it helping?", "weights"]
    text = table(head, rows) if rows else "There are no runs yet: 'pretrain PROJECT' starts one."
    tell({"runs": [described(each) for each in every]}, text)


@app.command()
def stop(
    run: RunName,
    wait: Annotated[float, option("Seconds to wait for its checkpoint.", min=0)] = 60.0,
) -> None:
    """Stop a run; it writes a checkpoint first and can be resumed."""
    from fewshot_lab.runs import find_run

    stopped = find_run(run)
    stopped.stop()
    until = time.monotonic() + wait
    while (status := stopped.status()).active and time.monotonic() < until:
        time.sleep(0.2)
    text = state_line(stopped, status)
    if status.active:
        text = f"{stopped.name} will stop after its current step."
    tell(described(stopped), text)


@app.command(name="clone-run")
def clone_run(
    run: RunName,
    name: Annotated[str | None, option("Of the new run.", metavar="RUN")] = None,
    set_: RecipeValues = None,
    without: Annotated[
        list[str] | None, option("An image to leave out; may be repeated.", metavar="FILE")
    ] = None,
    detach: Detach = False,
) -> None:
    """Train on the same images again, with other values of the recipe."""
    from fewshot_lab.pretrain import check_recipe
    from fewshot_lab.runs import find_run, free_name, relaunch_run

    original = find_run(run)
    changes = values_of(set_)
    spec = original.spec
    check_recipe(original.recipe.changed(**changes), int(spec["images"]), nproc=int(spec["nproc"]))
    clone = original.clone(name or free_name(original.name), without=without or (), **changes)
    if detach or spec.get("launcher") == "slurm":
        relaunch_run(clone)
        tell(described(clone), started_sentence(clone))
    else:
        in_foreground(clone, device=None, nproc=None, now=False)


@app.command(name="delete-run")
def delete_run(run: RunName) -> None:
    """Delete a run with its checkpoints and its backbone; projects that use it keep a copy."""
    from fewshot_lab.runs import find_run

    deleted = find_run(run)
    deleted.delete()
    tell({"deleted": deleted.name}, f"{deleted.name} is deleted.")


@app.command(name="merge-adapter")
def merge_adapter(
    adapter: Annotated[Path, typer.Argument(help="A run's adapter.safetensors.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    base: Annotated[
        str | None,
        option(
            "The weights that it was trained on; the run's own by default.",
            metavar="FILE|NAME",
        ),
    ] = None,
) -> None:
    """Merge an adapter into the weights it was trained on: a backbone in one file."""
    from fewshot_lab.pretrain import merge_adapter as merge

    merge(adapter, out, base)
    text = f"{out} is the whole backbone: --backbone {out} embeds with it."
    tell({"backbone": str(out)}, text)


@app.command(name="pretrain-rank", hidden=True)
def pretrain_rank(folder: Annotated[Path, typer.Argument()]) -> None:
    """Train a run's folder as one of its processes."""
    # Else torch, which reads it when imported, writes pages of its own before our one sentence.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    from fewshot_lab.runs import run_rank

    # torchrun calls every other exit code a failure, with a traceback of its own in the log.
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    with suppress(Stopped) if by_torchrun else nullcontext():
        run_rank(folder)
