"""Whole slides before they are imported: slides tissue."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import option
from fewshot_lab.cli.reporting import listed, progress, table, tell
from fewshot_lab.cli.tiling_options import TilingOptions
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import count, duration, percent, plural


def tissue(
    source: Annotated[list[Path], typer.Argument(help="Slides, or folders with slides.")],
    preview: Annotated[
        Path | None, option("A folder for a picture of each slide, with its tissue and its tiles.")
    ] = None,
    *,
    tiling_options: TilingOptions,
) -> None:
    """Show what an import would make of slides: tissue, tiles and how long they take to read.

    Nothing is imported. The same options of ``import`` then make these tiles.
    """
    from fewshot_lab.images import UnreadableImage
    from fewshot_lab.images.slides import slides_in
    from fewshot_lab.images.slides.preview import SlideOnView

    tiling = tiling_options.tiling()
    slides = slides_in(source)
    if not slides:
        raise FewshotLabError(f"There is no whole slide in {', '.join(map(str, source))}.")
    rows: list[dict[str, Any]] = []
    refused = []
    with progress() as report:
        for number, slide in enumerate(slides):
            report("reading", number, len(slides))
            try:
                view = SlideOnView(slide.file, slide.name).look(tiling, longest=2048)
            except UnreadableImage as error:
                refused.append((slide.name, str(error)))
                continue
            if preview is not None:
                preview.mkdir(parents=True, exist_ok=True)
                view.picture.save(preview / (slide.name.replace("/", "_") + ".png"))
            rows.append(
                {f.name: getattr(view, f.name) for f in fields(view) if f.name != "picture"}
            )
        report("reading", len(slides), len(slides))
    tell({"slides": rows, "refused": refused}, _in_words(rows))
    listed(refused)
    if not rows:
        raise typer.Exit(1)


def _in_words(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["name"],
            f"{row['width']:,} x {row['height']:,}",
            "?" if row["mpp"] is None else f"{row['mpp']:.3g}",
            percent(row["tissue"]),
            count(row["tiles"]),
            count(row["taken"]),
        ]
        for row in rows
    ]
    taken, seconds = (sum(row[name] for row in rows) for name in ("taken", "seconds"))
    return (
        table(["slide", "pixels", "um/px", "tissue", "tiles", "taken"], lines)
        + f"\n{plural(len(rows), 'slide')}, {plural(taken, 'tile')}: about {duration(seconds)} to "
        "read. Embedding comes on top."
    )
