"""Whole slides: slides tissue, slides show, slides out, slides in."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import NoMark, ProjectName, Verbs, app, open_project, option
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.tissue import tissue
from fewshot_lab.words import percent, plural, share_of

slides = Verbs(
    name="slides",
    help="Whole slides: their results, and exchange with QuPath.",
    no_args_is_help=True,
)


class Kind(StrEnum):
    """What is written of slides, as it is named at a terminal."""

    GEOJSON = "geojson"
    HEAT_MAP = "heat-map"
    CSV = "csv"


def show(project: ProjectName) -> None:
    """Show each slide: its answer, and the share of each class with its interval."""
    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.project import PredictedImages, slide_report, slides_of, tiles_of

    with open_project(project) as opened:
        try:
            classifier = opened.fit()
        except FewshotLabError as why:  # without a classifier the slides are listed all the same
            known = {slide.name: len(tiles_of(opened, slide)) for slide in slides_of(opened)}
            if not known:
                raise FewshotLabError(f"{project!r} has no tiles of whole slides.") from None
            rows = [[name, str(n)] for name, n in known.items()]
            text = f"{table(['slide', 'tiles'], rows)}\n{why}"
            tell({"slides": known, "message": str(why)}, text)
            return
        report = slide_report(opened, PredictedImages.by(classifier))
    names = list(report.colours)
    rows = [
        [
            each.slide.name,
            str(each.tiles),
            str(each.labelled),
            f"{each.answer} ({percent(each.scores[each.answer])})" if each.answer else "",
            *(share_of(each.shares[name]) if each.shares else "" for name in names),
        ]
        for each in report.slides
    ]
    text = table(["slide", "tiles", "labelled", "answer", *names], rows)
    result = {
        "slides": [
            {
                "slide": each.slide.name,
                "tiles": each.tiles,
                "labelled": each.labelled,
                "answer": each.answer,
                "scores": each.scores,
                "shares": {name: asdict(share) for name, share in each.shares.items()},
            }
            for each in report.slides
        ],
        "rule": report.rule.to_dict(),
        "rule_sentence": report.rule_sentence,
        "caution": report.caution,
    }
    tell(result, f"{text}\n\n{report.caution}\n{report.rule_sentence}")


def out(
    project: ProjectName,
    target: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|ZIP", help="A folder (created if missing), or NAME.zip."),
    ],
    kind: Annotated[
        list[Kind] | None, option("What to write; may be repeated. All by default.", "--as")
    ] = None,
    slide: Annotated[
        list[str] | None, option("A slide's name; may be repeated. All by default.")
    ] = None,
    no_bom: NoMark = False,
) -> None:
    """Write slides: tiles as GeoJSON for QuPath, heat maps as OME-TIFF, tables as CSV."""
    from fewshot_lab.exchange import SLIDE_KINDS, write_slides

    asked = {each.value for each in kind or Kind}
    kinds = [each for each in SLIDE_KINDS if each in asked]
    with progress() as report, open_project(project) as opened:
        done = write_slides(opened, target, kinds, names=slide or None, progress=report)
        files = [str(file) for file in done.files]
        result = {"files": files, "tiles": done.tiles, "withheld": done.withheld, "note": done.note}
        tell(result, f"{target}: {done.sentence}")


def in_(
    project: ProjectName,
    file: Annotated[Path, typer.Argument(help="GeoJSON with outlines drawn in QuPath.")],
    annotator: Annotated[str, option("Who drew them.")],
    slide: Annotated[
        str | None, option("The slide; by default the one that the file is named after.")
    ] = None,
    least: Annotated[float, option("Share of a tile that one class must cover, 0 to 1.")] = 0.5,
    dry_run: Annotated[bool, option("Say it, store nothing.")] = False,
) -> None:
    """Label the tiles that outlines cover; lines, points and areas without a class are left out.

    Classes that do not exist yet are added. It is one action: undo takes all of it back.
    """
    from fewshot_lab.exchange import label_by_outlines, preview_outlines

    with open_project(project) as opened:
        preview = preview_outlines(opened, file, annotator, slide=slide, least=least)
        if not dry_run and preview.rows:
            label_by_outlines(opened, preview, annotator)
            opened.touch()
    labels = preview.labels
    counts = ", ".join(f"{name} {n:,}" for name, n in labels.counts.items())
    parts = [preview.sentence]
    if counts:
        parts.append(f"{counts}.")
    if labels.new_classes:
        new_classes = plural(len(labels.new_classes), "new class", "new classes")
        parts.append(f"{new_classes}: {', '.join(labels.new_classes)}.")
    if labels.changed:
        parts.append(f"{plural(labels.changed, 'tile')} had another label of {annotator}.")
    if dry_run:
        parts.append("Nothing was stored.")
    result = {
        "slide": preview.slide.name,
        "outlines": preview.areas,
        "tiles": preview.tiles,
        "labelled": 0 if dry_run else len(preview.rows),
        "counts": labels.counts,
        "new_classes": labels.new_classes,
        "changed": labels.changed,
        "torn": preview.torn,
        "left_out": preview.left_out,
    }
    tell(result, " ".join(parts))


slides.command(name="tissue")(tissue)
slides.command(name="show")(show)
slides.command(name="out")(out)
slides.command(name="in")(in_)
app.add_typer(slides)
app.command(name="slides-out", hidden=True)(out)
