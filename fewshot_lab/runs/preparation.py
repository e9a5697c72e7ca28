"""From projects to a run: their images and labels, and a recipe filled from their number."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded
from fewshot_lab.images import UnreadableImage, read_rgb
from fewshot_lab.jobs import change_spec
from fewshot_lab.pretrain import (
    ModalityProposal,
    Recipe,
    RecommendedRecipe,
    RunImage,
    check_recipe,
    propose_modality,
)
from fewshot_lab.runs.image_filter import ImageFilter, cells_of
from fewshot_lab.runs.run import Run, find_run
from fewshot_lab.runs.run_folder import free_name, new_folder, write_images

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore


_LOOKED_AT, _SMALL = 24, 64


def run_images(
    projects: Sequence[ProjectCore], *, where: ImageFilter | None = None
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
    images: dict[str, RunImage] = {}
    for project in projects:
        names = {row.id: row.name for row in project.store.classes(include_retired=True)}
        labels = project.store.labels()
        held_out = project.splits.held_out(project.store.audit_ids())
        rows = project.store.images()
        ids = [row.id for row in rows]
        groups, items = project.splits.groups_of(ids), project.items(ids)
        for number, row in enumerate(rows):
            label = labels.get(row.id)
            name = row.reference
            if label is not None and label.kind == "reject":
                continue
            if where is not None and cells_of(row).get(where[0]) not in where[1]:
                continue
            if row.id in held_out or (label is not None and label.kind == "unsure"):
                name = None
            elif label is not None and label.teaches and label.class_id is not None:
                name = names[label.class_id]
            image = RunImage(
                row.id,
                items[number].file.absolute(),
                items[number].frame,
                label=None if name is None else numbers.setdefault(name, len(numbers)),
                group=None if groups is None else f"{project.name}/{groups[number]}",
                side=min(row.width, row.height),
            )
            images.setdefault(row.id, image)
    return list(images.values()), {number: name for name, number in numbers.items()}


def median_side(images: Sequence[RunImage]) -> int:
    """Return the median of the images' shorter sides, in pixels; 0 if not known."""
    return int(np.median([image.side for image in images])) if images else 0


def modality_of(projects: Sequence[ProjectCore], images: Sequence[RunImage]) -> ModalityProposal:
    """Propose the kind of image from the colours of a few and from all names there are."""
    names = {project.name for project in projects}
    for project in projects:
        names |= {row.name for row in project.store.classes(include_retired=True)}
        names |= {row.reference for row in project.store.images() if row.reference}
    for image in images:
        names.update(image.file.parts[-3:])
    some = images[:: max(1, len(images) // _LOOKED_AT)][:_LOOKED_AT]
    return propose_modality(names, _thumbnails(tuple((image.file, image.frame) for image in some)))


@lru_cache(maxsize=16)
def _thumbnails(files: tuple[tuple[Path, int], ...]) -> list[Any]:
    """Return a few small pictures; a page asks for the same ones with every click."""
    pictures = []
    for file, frame in files:
        with suppress(UnreadableImage, OSError):
            picture = read_rgb(file, frame, at_least=_SMALL)
            pictures.append(np.asarray(picture.resize((_SMALL, _SMALL))))
    return pictures


def recommend_recipe(
    n_images: int,
    *,
    backbone: str | None = None,
    start: str = "imagenet",
    modality: str | None = None,
    proposal: ModalityProposal | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    processes: int = 1,
    paper: bool = False,
    values: dict[str, Any] | None = None,
) -> RecommendedRecipe:
    """Return a recipe for so many images, with what was asked for put in.

    Parameters
    ----------
    start
        As in a recipe; the bare name of a run counts, too.
    proposal
        What :func:`modality_of` proposes; it counts where no modality is asked for.
    paper
        Take the recipe of Nielsen et al. 2023 (:meth:`fewshot_lab.pretrain.Recipe.paper`) for
        what is not asked for.
    values
        Further fields of the recipe.
    """
    start = resolve_start(start)
    fixed = dict(values or {})
    if batch_size is not None:
        fixed["batch_size"] = batch_size
    if steps is not None:
        fixed["steps"] = steps
    if paper:
        if backbone is not None:
            fixed["backbone"] = backbone
        if start != "imagenet":
            fixed["start"] = start
        return _papers_recipe(n_images, batch_size, epochs, device, fixed)
    name = backbone or "efficientnet-lite0-imagenet"
    modality = modality or fixed.get("modality")
    for key in ("backbone", "start", "modality"):
        fixed.pop(key, None)
    kind = modality or (proposal.modality if proposal is not None else None)
    recommended = Recipe.for_dataset(
        n_images, name, start, kind, device=device, processes=processes, epochs=epochs, **fixed
    )
    recipe, reasons = recommended.recipe, dict(recommended.reasons)
    if proposal is not None and modality is None:
        safe = " So the one with safe colours; --modality says another."
        reasons["modality"] = proposal.why + ("" if proposal.modality else safe)
    return RecommendedRecipe(recipe, reasons)


def _papers_recipe(
    n_images: int,
    batch_size: int | None,
    epochs: float | None,
    device: str,
    changes: dict[str, Any],
) -> RecommendedRecipe:
    usual: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs}
    theirs = Recipe.paper(
        n_images, device=device, **{k: v for k, v in usual.items() if v is not None}
    )
    reasons = dict.fromkeys(theirs.to_dict(), "As Nielsen et al. 2023, or this app's default.")
    reasons["modality"] = "The views are the paper's, whatever the kind of image."
    reasons |= dict.fromkeys(changes, "As asked.")
    return RecommendedRecipe(theirs.changed(**changes), reasons)


def resolve_start(start: str) -> str:
    """Return a start as a recipe takes it: a run with its prefix, a file with its whole path."""
    if start in ("imagenet", "scratch") or start.startswith("run:"):
        return start
    with suppress(FewshotLabError):
        return f"run:{find_run(start).name}"
    file, mark, architecture = start.partition("::")
    path = expanded(file)
    return f"{path.absolute()}{mark}{architecture}" if path.is_file() else start


def prepare_run(
    projects: Sequence[ProjectCore],
    recommended: RecommendedRecipe,
    *,
    name: str | None = None,
    device: str = "cpu",
    nproc: int = 1,
    gpus: Sequence[int] = (),
    check_device: bool = True,
    images: tuple[list[RunImage], dict[int, str]] | None = None,
    where: ImageFilter | None = None,
) -> Run:
    """Check what is asked and make the run; :func:`fewshot_lab.runs.launch_run` starts it.

    Parameters
    ----------
    gpus
        Numbers of the GPUs to use here; the first ones if none are said.
    check_device
        Whether the run will be trained here: a cluster's GPUs cannot be seen from here.
    images
        As :func:`run_images` returned them for this filter; it is asked where not given.
    where
        The filter by which images are chosen, kept with the run.

    Raises
    ------
    FewshotLabError
        Where it cannot work; nothing is made then.
    """
    chosen, classes = images or run_images(projects, where=where)
    names = [project.name for project in projects]
    here = device if check_device else "cpu"
    check_recipe(recommended.recipe, len(chosen), device=here, nproc=nproc)
    return create_run(
        name or free_name(names[0]),
        names,
        chosen,
        recommended,
        classes=classes,
        device=device,
        nproc=nproc,
        gpus=list(gpus),
        where=where and {"column": where[0], "values": sorted(where[1])},
    )


def create_run(
    name: str,
    projects: Sequence[str],
    images: Sequence[RunImage],
    recipe: Recipe | RecommendedRecipe,
    *,
    classes: dict[int, str] | None = None,
    **about: Any,
) -> Run:
    """Make a run that can be launched.

    Parameters
    ----------
    name
    projects
        Where the images come from.
    images
        Each once.
    recipe
    classes
        Names of the labels.
    about
        Further facts to keep (``launcher``, ``device``, ``nproc``, ``nodes``, ...).

    Raises
    ------
    FewshotLabError
        For a bad or taken name.
    """
    if isinstance(recipe, Recipe):
        recipe = RecommendedRecipe(recipe, {})
    spec = {
        "verb": "pretrain",
        "name": name,
        "project": ", ".join(projects),
        "projects": list(projects),
        "created": time.time(),
        "launcher": "local",
        "device": "cpu",
        "nproc": 1,
        "nodes": 1,
        "recipe": recipe.recipe.to_dict(),
        "reasons": recipe.reasons,
        "classes": {str(k): v for k, v in (classes or {}).items()},
        "images": len(images),
        **about,
    }
    with new_folder(name) as folder:
        write_images(folder, images)
        change_spec(folder, **spec)
    return find_run(name)
