"""Pretraining on a project's images, from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewshot_lab.progress import Progress, silent
from fewshot_lab.runs.image_filter import ImageFilter
from fewshot_lab.runs.launch import launch_run
from fewshot_lab.runs.preparation import prepare_run, recommend_recipe, run_images
from fewshot_lab.runs.rank_process import run_rank
from fewshot_lab.runs.run import Run

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore


def pretrain(
    project: ProjectCore,
    *,
    backbone: str | None = None,
    start: str = "imagenet",
    modality: str | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
    nproc: int = 1,
    name: str | None = None,
    where: ImageFilter | None = None,
    detach: bool = False,
    progress: Progress = silent,
    **values: Any,
) -> Run:
    """Pretrain a backbone on the images by DINO; labels serve to check whether it helps.

    Parameters
    ----------
    project : ProjectCore
    backbone, start, modality, steps, epochs, batch_size
        See :class:`fewshot_lab.pretrain.Recipe`; None is chosen by the size of the data.
    device : str
        "cpu" or "cuda".
    nproc : int
        Number of processes, one per GPU; several are always detached.
    name : str, optional
        Name of the run.
    where : tuple of str and set of str, optional
        Only images with one of these values in this column: ``("stain", {"HE", "PAS"})``.
    detach : bool
        Return at once; training goes on in separate processes.
    values
        Any other value of the recipe.

    Returns
    -------
    Run
        ``run.backbone`` is the file; ``embed(backbone=f"run:{run.name}")`` uses it.

    Raises
    ------
    FewshotLabError
        The settings cannot work; nothing is started.
    Stopped
    """
    images = run_images([project], where=where)
    recommended = recommend_recipe(
        len(images[0]),
        backbone=backbone,
        start=start,
        modality=modality,
        steps=steps,
        epochs=epochs,
        batch_size=batch_size,
        device=device,
        processes=nproc,
        values=values,
    )
    run = prepare_run(
        [project], recommended, name=name, device=device, nproc=nproc, images=images, where=where
    )
    if detach or nproc > 1:
        launch_run(run)
    else:
        run.make_ready()
        run_rank(run.folder, also=progress)
    return run
