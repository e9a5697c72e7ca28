"""From projects to a run: their images and labels, and a recipe filled from their number."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import UnreadableImage, read_rgb
from fewshot_lab.pretrain import Advice, Likely, Recipe, likely_modality
from fewshot_lab.runs.creation import RunImage, create_run
from fewshot_lab.runs.folders import free_name
from fewshot_lab.runs.image_filter import Where, cells_of
from fewshot_lab.runs.run import Run, find_run

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore


_LOOKED_AT, _SMALL = 24, 64


def images_of(
    projects: Sequence[ProjectCore], *, where: Where | None = None
) -> tuple[list[RunImage], dict[int, str]]:
    """Return what a run may learn from, and the names of the labels for its check.

    A label is what people said, else the reference label. Images of the audit set and of the
    reference test set go without, with all that stays together with them: they are never used
    to choose a model. Rejected images are left out.

    Parameters
    ----------
    where
        Only images with one of these values in this column.
    """
    numbers: dict[str, int] = {}
    found: dict[str, RunImage] = {}
    for project in projects:
        names = {row.id: row.name for row in project.store.classes(include_retired=True)}
        labels = project.store.labels()
        held_out = project.splits.held_out(project.store.audit_ids())
        rows = project.store.images()
        groups = project.splits.groups_of([row.id for row in rows])
        for number, row in enumerate(rows):
            said = labels.get(row.id)
            name = row.reference
            if said is not None and said.kind in ("unsure", "reject"):
                name = None
            elif said is not None and said.teaches and said.class_id is not None:
                name = names[said.class_id]
            if row.id in held_out:
                name = None
            if said is not None and said.kind == "reject":
                continue
            if where is not None and cells_of(row).get(where[0]) not in where[1]:
                continue
            file, frame = project.file_of(row.id)
            found.setdefault(
                row.id,
                RunImage(
                    row.id,
                    str(file.absolute()),
                    frame,
                    None if name is None else numbers.setdefault(name, len(numbers)),
                    None if groups is None else f"{project.name}/{groups[number]}",
                    project.name,
                    min(row.width, row.height),
                ),
            )
    return list(found.values()), {number: name for name, number in numbers.items()}


def usual_side(images: Sequence[RunImage]) -> int:
    """Return the median of the images' shorter sides, in pixels; 0 if not known."""
    return int(np.median([image.side for image in images])) if images else 0


def kind_of(projects: Sequence[ProjectCore], images: Sequence[RunImage]) -> Likely:
    """Propose the kind of image from the colours of a few and from all names there are."""
    names = {project.name for project in projects}
    for project in projects:
        names |= {row.name for row in project.store.classes(include_retired=True)}
        names |= {row.reference for row in project.store.images() if row.reference}
    for image in images:
        names.update(Path(image.file).parts[-3:])
    some = images[:: max(1, len(images) // _LOOKED_AT)][:_LOOKED_AT]
    return likely_modality(names, _seen(tuple((image.file, image.frame) for image in some)))


@lru_cache(maxsize=16)
def _seen(files: tuple[tuple[str, int], ...]) -> list[Any]:
    """Return a few small pictures; a page asks for the same ones with every click."""
    found = []
    for file, frame in files:
        with suppress(UnreadableImage, OSError):
            picture = read_rgb(Path(file), frame, at_least=_SMALL)
            found.append(np.asarray(picture.resize((_SMALL, _SMALL))))
    return found


def recommend(
    n_images: int,
    *,
    backbone: str | None = None,
    start: str = "imagenet",
    modality: str | None = None,
    likely: Likely | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    values: dict[str, Any] | None = None,
) -> Advice:
    """Return a recipe for so many images, with what was asked for put in.

    Parameters
    ----------
    start
        As in a recipe; the bare name of a run counts, too.
    likely
        What :func:`kind_of` proposes; it counts where no modality is asked for.
    values
        Further fields of the recipe.
    """
    start = start_named(start)
    fixed = dict(values or {})
    if batch_size is not None:
        fixed["batch_size"] = batch_size
    if steps is not None:
        fixed["steps"] = steps
    name = backbone or "efficientnet-lite0-imagenet"
    modality = modality or fixed.get("modality")
    for key in ("backbone", "start", "modality"):
        fixed.pop(key, None)
    kind = modality or (likely.modality if likely is not None else None)
    advice = Recipe.for_dataset(n_images, name, start, kind, device=device, epochs=epochs, **fixed)
    if likely is not None and modality is None:
        advice = replace(advice, reasons={**advice.reasons, "modality": _proposed(likely)})
    if steps is not None and "check_steps" not in fixed:
        recipe = advice.recipe
        often = max(1, min(recipe.check_steps, steps))
        advice = replace(advice, recipe=recipe.changed(check_steps=often))
    return advice


def _proposed(likely: Likely) -> str:
    taken = "" if likely.modality else " So the one with safe colours; --modality says another."
    return f"{likely.why}{taken}"


def start_named(start: str) -> str:
    """Return a start as a recipe takes it: a run with its prefix, a file with its whole path."""
    if start in ("imagenet", "scratch") or start.startswith("run:"):
        return start
    with suppress(FewshotLabError):
        return f"run:{find_run(start).name}"
    file, mark, architecture = start.partition("::")
    path = Path(file).expanduser()
    return f"{path.absolute()}{mark}{architecture}" if path.is_file() else start


def prepare_run(
    projects: Sequence[ProjectCore],
    advice: Advice,
    *,
    name: str | None = None,
    device: str = "cpu",
    nproc: int = 1,
    gpus: Sequence[int] = (),
    check_device: bool = True,
    images: tuple[list[RunImage], dict[int, str]] | None = None,
    where: Where | None = None,
) -> Run:
    """Check what is asked and make the run.

    Parameters
    ----------
    gpus
        Numbers of the GPUs to use here; the first ones if none are said.
    check_device
        Whether the run will be trained here: a cluster's GPUs cannot be seen from here.
    images
        As :func:`images_of` returned them for this filter; it is asked where not given.
    where
        The filter by which images are chosen, kept with the run.

    Raises
    ------
    FewshotLabError
        Where it cannot work; nothing is made then.
    """
    from fewshot_lab.pretrain import check_recipe

    found, classes = images or images_of(projects, where=where)
    names = [project.name for project in projects]
    check_recipe(advice.recipe, len(found), device=device if check_device else "cpu", nproc=nproc)
    return create_run(
        name or free_name(names[0]),
        names,
        found,
        advice,
        classes=classes,
        device=device,
        nproc=nproc,
        gpus=list(gpus),
        where=where and {"column": where[0], "values": sorted(where[1])},
    )
