"""Predicting and embedding files by what was exported: predict, embed-files."""

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import NoMark, app, open_project, option
from fewshot_lab.cli.reporting import listed, progress, tell
from fewshot_lab.cli.shards import Shard, part_file, shard_of
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import plural

Ray = Annotated[
    str | None,
    option(
        "Run as a Ray Data job that writes a folder of Parquet files: HOST:PORT, auto, or local "
        "for a Ray started on this machine.",
        metavar="ADDRESS",
    ),
]
Workers = Annotated[int, option("Ray: processes that compute.", min=1)]
TilePx = Annotated[
    int | None,
    option("Slides: side of a tile in its own pixels, instead of the classifier's.", min=16),
]
Mpp = Annotated[float | None, option("Slides: micrometres per pixel of a tile.")]
SlideMpp = Annotated[
    float | None, option("Slides: micrometres per pixel where the file says none.")
]


@app.command()
def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder or ZIP.")],
    folder: Annotated[
        str,
        typer.Argument(
            help="Images: a folder (recursive), a ZIP, a file, a whole slide; with --ray also an "
            "address of object storage, s3://BUCKET/FOLDER."
        ),
    ],
    out: Annotated[Path, option("The CSV to write.")] = Path("predictions.csv"),
    group_pattern: Annotated[
        str | None,
        option(
            "One row for each patient, too: an expression that finds the patient in a path, by "
            "its first bracketed part.",
            metavar="REGEX",
        ),
    ] = None,
    group_column: Annotated[
        str | None, option("The same, from a column of the manifest.", metavar="COLUMN")
    ] = None,
    manifest: Annotated[
        Path | None, option("A CSV with a column path and that column; FOLDER if it is one.")
    ] = None,
    groups_out: Annotated[
        Path | None, option("The CSV of patients; beside --out as NAME.groups.csv by default.")
    ] = None,
    tile_px: TilePx = None,
    mpp: Mpp = None,
    slide_mpp: SlideMpp = None,
    shard: Shard = None,
    ray: Ray = None,
    workers: Workers = 2,
    embeddings: Annotated[bool, option("Ray: the embeddings, too.")] = False,
    no_bom: NoMark = False,
) -> None:
    """Predict the classes of images with an exported classifier.

    A whole slide is cut like those that the classifier was made from, with a row for each tile
    with tissue. NAME.slides.csv has a row for each slide, NAME.SLIDE.geojson its tiles for QuPath.

    Files that cannot be read are listed, also in NAME.errors.csv; the exit status is 1 if none
    could be read.
    """
    from fewshot_lab.export import Bundle, RayWork, group_finder, predict_folder

    if ray is not None:
        if group_pattern or group_column or shard:
            raise FewshotLabError(
                "A Ray job splits the images itself and writes a row for each image: leave out "
                "--shard and the options for patients."
            )
        work = RayWork(
            folder, _folder(out), ray, workers, bundle=str(bundle.absolute()), embeddings=embeddings
        )
        return _on_ray(work, "predicted")
    if manifest is None and Path(folder).suffix.lower() in (".csv", ".tsv"):
        manifest = Path(folder)
    find = group_finder(group_pattern, group_column, manifest)
    part = shard_of(shard)
    with progress() as report, Bundle.open(bundle) as opened:
        done = predict_folder(
            opened,
            Path(folder),
            part_file(out, part),
            find=find,
            groups_out=groups_out,
            part=part,
            tile_px=tile_px,
            mpp=mpp,
            slide_mpp=slide_mpp,
            progress=report,
        )
        result = asdict(done)
        sentences = result.pop("groups"), result.pop("slides")
        text = f"{plural(done.predicted, 'image')} predicted: {done.out}."
        if done.referred is not None:
            text += f" {done.predicted - done.referred:,} decided, {done.referred:,} referred."
        if done.unlike:
            text += f" {plural(done.unlike, 'image')} unlike anything labelled."
        if done.errors:
            text += f" {plural(len(done.errors), 'file')} could not be read: {done.errors_file}."
        tell(result, " ".join(filter(None, (text, *sentences))))
        listed(done.errors)
    if not done.predicted and part == (0, 1):
        raise typer.Exit(1)
    return None


@app.command(name="predict-dropped", hidden=True)
def predict_dropped(
    project: Annotated[str, typer.Argument()],
    folder: Annotated[Path, typer.Argument()],
    bundle: Annotated[Path, typer.Argument()],
) -> None:
    """Predict what was dropped on the page; PROJECT may be the folder of none."""
    from fewshot_lab.export import predict_dropped as predict_them

    with progress() as report:
        with nullcontext() if project.startswith(".") else open_project(project) as opened:
            done = predict_them(bundle, folder, opened, progress=report)
        result = {"predicted": len(done.answers), "errors": done.refused}
        tell(result, f"{plural(len(done.answers), 'image')} predicted.")


@app.command()
def embed_files(
    source: Annotated[
        str, typer.Argument(help="Images: a folder (recursive), a ZIP, a file, s3://BUCKET/FOLDER.")
    ],
    backbone: Annotated[str, option("A name, or a checkpoint file.")],
    out: Annotated[Path, option("The folder for Parquet files.")] = Path("embeddings"),
    ray: Annotated[
        str, option("Address of Ray: HOST:PORT, auto or local.", metavar="ADDRESS")
    ] = "local",
    workers: Workers = 2,
) -> None:
    """Embed files without a project, as a Ray Data job."""
    from fewshot_lab.export import RayWork

    work = RayWork(source, _folder(out), ray, workers, backbone=backbone)
    _on_ray(work, "embedded")


def _folder(out: Path) -> Path:
    """Return where Parquet files go: NAME for NAME.csv."""
    return out.absolute().with_suffix("")


def _on_ray(work: Any, what: str) -> None:
    from fewshot_lab.export import run_on_ray

    with progress() as report:
        done = run_on_ray(work, report)
        text = f"{plural(done.done, 'image')} {what}: {work.out}."
        if done.skipped:
            text += f" {done.skipped:,} had a row."
        if done.errors:
            text += f" {plural(len(done.errors), 'file')} could not be read."
        tell(asdict(done) | {"out": work.out}, text)
        listed(done.errors)
    if not done.done + done.skipped:
        raise typer.Exit(1)
