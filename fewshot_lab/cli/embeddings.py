"""Embeddings and the map: embed, map, prepare, demo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewshot_lab.cli.options import ProjectName, app, open_project, option
from fewshot_lab.cli.preparation import listing_unreadable, prepare_project
from fewshot_lab.cli.reporting import listed, progress, tell
from fewshot_lab.cli.shards import Shard, read_shard
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.project import Project

Backbone = Annotated[str | None, option("A name that 'backbones' lists, or a checkpoint file.")]
Neighbours = Annotated[int | None, option("UMAP: the size of a neighbourhood.", min=2)]
MinDist = Annotated[float | None, option("UMAP: how close points may lie, 0 to 1.", min=0, max=1)]


@app.command()
def embed(
    project: ProjectName,
    backbone: Backbone = None,
    shard: Shard = None,
    device: Annotated[str | None, option("cpu, cuda, cuda:1, ...")] = None,
    batch_size: Annotated[
        int | None, option("Images per pass; by default what the device allows.", min=1)
    ] = None,
    workers: Annotated[
        int | None, option("On a GPU, processes that read; on a CPU, lanes.", min=1)
    ] = None,
    now: Now = False,
) -> None:
    """Embed the images that have no embedding yet; resumes where it stopped."""
    from fewshot_lab.embeddings import part_of_run

    part = read_shard(shard)
    # Whoever takes a part of the work runs beside the others.
    beside = part_of_run(part) != (0, 1)
    heavy = in_turn(project, now=now or beside, device=device)
    with progress(heavy=heavy) as report, open_project(project) as opened:
        before = opened.backbone_name
        with listing_unreadable():
            done = opened.embed(
                backbone=backbone,
                device=device,
                batch_size=batch_size,
                workers=workers,
                shard=part,
                progress=report,
            )
        text = _embedded(done)
        if opened.backbone_name != before:
            text += f" {opened.name} now uses {opened.backbone_name}; its labels stay."
        tell(asdict(done), text)
        listed(done.failed)


def _embedded(done: Any) -> str:
    words = [f"{plural(done.done, 'image')} embedded in {done.seconds:,.0f} s"]
    if done.done and done.images_per_second:
        words[0] += f", {done.images_per_second:,.0f} a second once the backbone was loaded"
    if done.skipped:
        words.append(f"{done.skipped:,} had an embedding")
    if done.failed:
        words.append(f"{plural(len(done.failed), 'image')} could not be read")
    sentence = ", ".join(words) + "."
    if done.damaged:
        names = ", ".join(Path(file).name for file in done.damaged)
        files = "file of embeddings was" if len(done.damaged) == 1 else "files of embeddings were"
        sentence += (
            f" {len(done.damaged):,} {files} damaged ({names}) and set aside; the images in it "
            "were embedded again."
        )
    return sentence


@app.command(name="map")
def map_(
    project: ProjectName,
    neighbours: Neighbours = None,
    min_dist: MinDist = None,
    fresh: Annotated[bool, option("Lay out all images again, also those placed before.")] = False,
) -> None:
    """Lay out the map of the images."""
    with progress() as report, open_project(project) as opened:
        layout = opened.make_map(
            neighbours=neighbours, min_dist=min_dist, fresh=fresh, progress=report
        )
        result = {"images": len(layout.ids), "method": layout.method}
        text = f"{plural(len(layout.ids), 'image')} laid out by {layout.method.upper()}."
        tell(result, text)


@app.command()
def prepare(
    project: ProjectName,
    backbone: Backbone = None,
    neighbours: Neighbours = None,
    min_dist: MinDist = None,
    now: Now = False,
) -> None:
    """Embed what is missing, then make the map."""
    with (
        progress(heavy=in_turn(project, now=now)) as report,
        open_project(project) as opened,
    ):
        result = prepare_project(
            opened, backbone=backbone, neighbours=neighbours, min_dist=min_dist, report=report
        )
        tell(result, "The map is ready.")


@app.command()
def demo(
    name: Annotated[str, typer.Argument(metavar="[PROJECT]", help="Its name.")] = "demo",
    images: Annotated[int, option("How many cells to draw.", min=8)] = 1200,
    now: Now = False,
) -> None:
    """Make a project of drawn blood cells, with embeddings and a map; no download."""
    from fewshot_lab.images import ManifestColumns
    from fewshot_lab.images.demo import draw_demo

    heavy = None if now else {"project": name}
    with progress(heavy=heavy) as report, _demo_project(name) as project:
        drawn = project.folder / "images" / "drawn"
        draw_demo(drawn, n=images, progress=report)
        # The manifest gives the cell type as reference label and the slide as group.
        done = project.import_images(
            drawn / "manifest.csv",
            columns=ManifestColumns("path", "label", "slide"),
            progress=report,
        )
        result = asdict(done) | prepare_project(project, report=report)
        project.touch()
        text = f"{project.name} is ready: {plural(len(project.store.ids()), 'image')} on a map."
        tell({"name": project.name, "folder": str(project.folder)} | result, text)


def _demo_project(name: str) -> Project:
    """Open or make the demo project; goes on with one that was interrupted."""
    from fewshot_lab.project import Project

    try:
        project = Project.create(name)
    except FewshotLabError:
        project = open_project(name)
        if project.store.ids() and not project.store.get("demo"):
            raise FewshotLabError(
                f"{project.name!r} has images of its own: choose another name for the demo."
            ) from None
    project.store.set("demo", True)
    if project.title == project.name:
        project.rename("Demo: drawn blood cells")
    return project
