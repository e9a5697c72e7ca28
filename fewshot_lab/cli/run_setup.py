"""The run that the verb pretrain is about: a new one from what was asked, or one to resume."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fewshot_lab.cli.options import open_project
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.pretrain import RecommendedRecipe
    from fewshot_lab.runs import Run


def new_run(
    projects: list[str],
    request: dict[str, Any],
    *,
    only_where: list[str],
    name: str | None,
    nproc: int,
    gpus: list[int],
    dry_run: bool,
    check_device: bool,
) -> Run | None:
    """Make the run that was asked for; None where its recipe and cost were to be shown alone.

    Parameters
    ----------
    projects
        Names.
    request
        Of :func:`fewshot_lab.runs.recommend_recipe`.

    Raises
    ------
    FewshotLabError
        Where it cannot work; nothing is made then.
    """
    from fewshot_lab.pretrain import (
        check_recipe,
        estimate_cost,
        shorter_sentence,
        shorter_steps,
    )
    from fewshot_lab.runs import (
        median_side,
        modality_of,
        parse_filter,
        prepare_run,
        recommend_recipe,
        run_images,
    )

    with ExitStack() as stack:
        opened = [stack.enter_context(open_project(each)) for each in projects]
        where = parse_filter(opened, only_where)
        labelled = run_images(opened, where=where)
        images = labelled[0]
        recommended = recommend_recipe(
            len(images), proposal=modality_of(opened, images), processes=nproc, **request
        )
        recipe = recommended.recipe
        device = request["device"] if check_device else "cpu"
        warnings = check_recipe(
            recipe, len(images), device=device, nproc=nproc, median_side=median_side(images)
        )
        if dry_run:
            labels = sum(image.label is not None for image in images)
            cost = estimate_cost(recipe, device=device, processes=nproc, labelled=labels)
            shorter = shorter_sentence(recipe, cost, len(images))
            if steps := shorter_steps(recipe, cost):
                shorter += f" (--steps {steps})"
            result = {
                "recipe": recipe.to_dict(),
                "reasons": recommended.reasons,
                "cost": asdict(cost),
                "smaller": shorter,
                "warnings": warnings,
            }
            words = [*warnings, cost.sentence, *filter(None, [shorter])]
            text = "\n".join([_explained(recommended), "", *words])
            tell(result, text)
            return None
        if request["modality"] is None:
            print(f"{recipe.modality}: {recommended.reasons['modality']}", file=sys.stderr)
        for warning in warnings:
            print(warning, file=sys.stderr)
        return prepare_run(
            opened,
            recommended,
            name=name,
            device=request["device"],
            nproc=nproc,
            gpus=gpus,
            check_device=check_device,
            images=labelled,
            where=where,
        )


def _explained(recommended: RecommendedRecipe) -> str:
    rows = [
        [
            name,
            f"{value:g}" if isinstance(value, float) else str(value),
            recommended.reasons.get(name, ""),
        ]
        for name, value in recommended.recipe.to_dict().items()
    ]
    return table(["value", "", "why"], rows)


def run_to_resume(projects: list[str], name: str | None) -> Run:
    """Return the run of a name, or the newest of these projects that has not finished.

    Raises
    ------
    FewshotLabError
        If there is none.
    """
    from fewshot_lab.runs import find_run, list_runs

    if name is not None:
        return find_run(name)
    for run in list_runs():
        if set(projects) <= set(run.spec.get("projects", [])) and run.status().state != "finished":
            return run
    raise FewshotLabError(f"{projects[0]!r} has no run that could be resumed.")


def check_resumed(
    run: Run, options: dict[str, Any], values: dict[str, Any], only_where: list[str]
) -> None:
    """Resume a run with what is asked for here, which must be the recipe and the images it has.

    Raises
    ------
    FewshotLabError
        For another recipe, or other images.
    """
    from fewshot_lab.pretrain import steps_for
    from fewshot_lab.runs import resolve_start

    recipe, epochs = run.recipe, options.pop("epochs")
    values |= {name: value for name, value in options.items() if value is not None}
    if "start" in values:
        # What it started from may be gone, and with it the word's meaning.
        same = values["start"] == recipe.start.removeprefix("run:")
        values["start"] = recipe.start if same else resolve_start(values["start"])
    if epochs is not None:
        batch = int(values.get("batch_size", recipe.batch_size))
        values["steps"] = steps_for(epochs, int(run.spec["images"]), batch)
    run.update_recipe(**values)
    where = run.spec.get("where") or {"column": "", "values": []}
    if only_where and set(only_where) != {f"{where['column']}={v}" for v in where["values"]}:
        raise FewshotLabError(
            f"The run {run.name!r} continues with its own images, those of {run.source}."
        )
