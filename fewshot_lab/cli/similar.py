"""Search by similarity in large projects: index, neighbours."""

from pathlib import Path
from typing import Annotated, Any

from fewshot_lab.cli.options import NoMark, ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import progress, tell
from fewshot_lab.cli.shards import Shard, part_file, shard_of
from fewshot_lab.words import plural


@app.command()
def index(
    project: ProjectName,
    shard: Shard = None,
    codes: Annotated[
        bool | None,
        option(
            "Keep codes of 64 bytes instead of whole vectors; by default if whole ones do not fit "
            "into memory.",
            "--codes/--whole",
        ),
    ] = None,
) -> None:
    """Build the index of a large project, or a part of it; resumes where it stopped."""
    with progress() as report, open_project(project) as opened:
        missing = opened.similar.build(shard_of(shard), codes=codes, progress=report)
        result: dict[str, Any] = {"missing_parts": missing}
        if missing:
            text = f"This part is built; {plural(missing, 'part')} of the index to go."
        else:
            built = opened.similar.kept_index.index
            result |= {"images": built.rows, "kind": built.kind, "recall": round(built.recall, 4)}
            text = (
                f"The index of {plural(built.rows, 'image')} is ready; it finds "
                f"{100 * built.recall:.1f} % of the ten nearest."
            )
        tell(result, text)


@app.command()
def neighbours(
    project: ProjectName,
    out: Annotated[Path, option("The CSV to write.")] = Path("neighbours.csv"),
    k: Annotated[int, option("Neighbours of each image.", "-k", min=1, max=500)] = 10,
    shard: Shard = None,
    no_bom: NoMark = False,
) -> None:
    """Write the most similar images of each image, with their similarity; or for a part of them."""
    from fewshot_lab.export import write_neighbours

    part = shard_of(shard)
    with progress() as report, open_project(project) as opened:
        file = part_file(out, part)
        images = write_neighbours(opened, file, k, part=part, progress=report)
        text = f"Neighbours of {plural(images, 'image')}: {file}."
        tell({"images": images, "out": str(file)}, text)
