"""A project's slides for other tools: tiles as GeoJSON, probabilities as a heat map, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from fewshot_lab.cells import table_encoding
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.heat_map import write_heat_map
from fewshot_lab.exchange.output_place import output_place
from fewshot_lab.export import LOG, TileFeature, as_csv, write_features
from fewshot_lab.files import write_atomically
from fewshot_lab.images import UnreadableImage
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import PredictedImages, slide_report, slides_of, tiles_of
from fewshot_lab.words import first_few, plural

if TYPE_CHECKING:
    from fewshot_lab.project import Project, Slide, SlideReport, SlideTile

SlideKind = Literal["geojson", "heat-map", "csv"]
SLIDE_KINDS: tuple[SlideKind, ...] = get_args(SlideKind)
_TILE_COLUMNS = ["slide", "image", "x", "y", "width", "height", "micrometres_per_pixel"]
_ANSWER = ["label", "annotator", "predicted", "probability"]


@dataclass(frozen=True)
class WrittenSlides:
    """What was written.

    Attributes
    ----------
    files : list of Path
    tiles : int
    withheld : int
        Tiles of the audit set without a label: their predictions stay here.
    note : str
        Why there are no predictions; "" where there are.
    """

    files: list[Path]
    tiles: int
    withheld: int
    note: str

    @property
    def sentence(self) -> str:
        """Say what was written and what was not."""
        text = f"{plural(self.tiles, 'tile')} in {plural(len(self.files), 'file')}."
        if self.withheld:
            text += (
                f" {plural(self.withheld, 'audit tile')} without a label: no prediction of them "
                "goes out, so that nobody is swayed who labels them."
            )
        return f"{text} {self.note}".strip()


@dataclass(frozen=True)
class _TileAnswers:
    """What people and the classifier say of each image, by id."""

    colours: dict[str, str]
    labels: dict[str, tuple[str, str]]
    names: list[str]
    probabilities: dict[str, np.ndarray]
    predicted: dict[str, str]
    audit: set[str]
    log: str
    note: str


def write_slides(
    project: Project,
    target: Path,
    kinds: Collection[SlideKind] = SLIDE_KINDS,
    *,
    names: Collection[str] | None = None,
    progress: Progress = silent,
) -> WrittenSlides:
    """Write a project's slides into a folder or a ZIP, a file for each; tables hold all of them.

    Parameters
    ----------
    project : Project
    target : Path
        A folder, made where it is not there; a ZIP where its name ends so, there when it is whole.
    kinds : collection of "geojson", "heat-map", "csv"
    names : collection of str, optional
        Of the slides; all of them by default.
    progress : callable
        Told of the slides written, stage "slides".

    Raises
    ------
    FewshotLabError
        Where there is no such slide, or only a heat map is asked for and nothing is predicted.
    """
    slides = _chosen(project, names)
    progress("fitting", 0, None)
    answers, report = _tile_answers(project)
    if answers.note and set(kinds) == {"heat-map"}:
        raise FewshotLabError(answers.note)
    stems = _file_stems(slides)
    written: list[str] = []
    tiles: dict[str, list[SlideTile]] = {}
    with output_place(target) as put:

        def write(name: str, writer: Callable[[Path], object]) -> None:
            put(name, writer)
            written.append(name)

        for number, slide in enumerate(slides):
            progress("slides", number, len(slides))
            own = tiles[slide.name] = tiles_of(project, slide)
            if "geojson" in kinds:
                features = _features(slide, own, answers)
                write(
                    f"{stems[slide.name]}.geojson",
                    partial(write_features, tiles=features, log=answers.log),
                )
            shown = [tile for tile in own if tile.image_id in answers.probabilities]
            if "heat-map" in kinds and shown:
                heat_map = partial(_heat_map, slide=slide, tiles=shown, answers=answers)
                write(f"{stems[slide.name]}.ome.tif", heat_map)
        if "csv" in kinds:
            rows = (
                _tile_row(slide, tile, answers) for slide in slides for tile in tiles[slide.name]
            )
            columns = [*_TILE_COLUMNS, *_ANSWER, *(f"p_{name}" for name in answers.names), LOG]
            tables = {"tiles.csv": as_csv(columns, rows)}
            if report is not None:
                tables["slides.csv"] = slides_csv(report, answers.log, tiles)
            for name, text in tables.items():
                write(name, partial(write_atomically, data=text.encode(table_encoding())))
        progress("slides", len(slides), len(slides))
    project.store.note("export", kind="slides", folder=str(target), as_=sorted(kinds))
    files = [target] if target.is_file() else [target / name for name in written]
    each = [tile for slide in slides for tile in tiles[slide.name]]
    withheld = sum(tile.image_id in answers.audit for tile in each) if answers.names else 0
    return WrittenSlides(files, len(each), withheld, answers.note)


def slides_csv(report: SlideReport, log: str, names: Collection[str] | None = None) -> str:
    """Return one row per slide: its answer, and the share of each class with its interval.

    ``log`` is the log's position and hash, the same in each row.
    """
    classes = list(report.colours)
    shares = [f"share_{name}{end}" for name in classes for end in ("", "_low", "_high")]
    columns = ["slide", "tiles", "labelled", "predicted", "rule"]
    rows = []
    for each in report.slides:
        if names is not None and each.slide.name not in names:
            continue
        row: dict[str, Any] = {"slide": each.slide.name, "tiles": each.tiles}
        row |= {"labelled": each.labelled, "predicted": each.answer, "rule": report.rule.rule}
        row[LOG] = log
        row |= {f"score_{name}": f"{value:.6f}" for name, value in each.scores.items()}
        for name, share in each.shares.items():
            ends = {"": share.value, "_low": share.low, "_high": share.high}
            row |= {f"share_{name}{end}": f"{value:.6f}" for end, value in ends.items()}
        rows.append(row)
    return as_csv([*columns, *(f"score_{name}" for name in classes), *shares, LOG], rows)


def slide_origin(slide: Slide) -> tuple[int, int]:
    """Return where QuPath counts pixels from: the corner of what was scanned, where a file says.

    A slide that cannot be opened now is taken to begin at its corner.
    """
    from fewshot_lab.images.slides import open_slide

    try:
        return open_slide(slide.file).origin
    except UnreadableImage:
        return 0, 0


def _chosen(project: Project, names: Collection[str] | None) -> list[Slide]:
    slides = slides_of(project)
    if not slides:
        raise FewshotLabError(f"{project.name!r} has no tiles of whole slides.")
    if names is None:
        return slides
    unknown = set(names) - {slide.name for slide in slides}
    if unknown:
        names_there = first_few([slide.name for slide in slides], 5)
        raise FewshotLabError(
            f"There is no slide {min(unknown)!r} in {project.name!r}; there are: {names_there}."
        )
    return [slide for slide in slides if slide.name in names]


def _file_stems(slides: Sequence[Slide]) -> dict[str, str]:
    """Return what a slide's files are called: its name alone, as QuPath has it, where it can."""
    short = {slide.name: PurePosixPath(slide.name).stem for slide in slides}
    often = Counter(stem.casefold() for stem in short.values())
    long = {name: "_".join(PurePosixPath(name).with_suffix("").parts).strip("_") for name in short}
    return {
        name: long[name] if often[stem.casefold()] > 1 else stem for name, stem in short.items()
    }


def _tile_answers(project: Project) -> tuple[_TileAnswers, SlideReport | None]:
    store = project.store
    classes = {row.id: row for row in store.classes(include_retired=True)}
    labels = {
        image_id: (classes[label.class_id].name if label.class_id else label.kind, label.annotator)
        for image_id, label in store.labels().items()
        if not label.machine
    }
    audit = store.audit_ids() - labels.keys()
    colours = {row.name: row.color for row in classes.values()}
    log = str(store.log_head())
    try:
        predicted = PredictedImages.by(project.fit())
    except FewshotLabError as error:
        note = f"No predictions: {error}"
        return _TileAnswers(colours, labels, [], {}, {}, audit, log, note), None
    report = slide_report(project, predicted)
    names = list(report.colours)
    best = predicted.decided(project)
    shown = [k for k, image_id in enumerate(predicted.ids) if image_id not in audit]
    return _TileAnswers(
        colours,
        labels,
        names,
        {predicted.ids[k]: predicted.probabilities[k] for k in shown},
        {predicted.ids[k]: names[best[k]] for k in shown},
        audit,
        log,
        "",
    ), report


def _features(
    slide: Slide, tiles: Sequence[SlideTile], answers: _TileAnswers
) -> Iterator[TileFeature]:
    """Yield a slide's tiles by what is predicted of them, without a classifier by their labels."""
    left, top = slide_origin(slide)
    for tile in tiles:
        label, annotator = answers.labels.get(tile.image_id, (None, ""))
        p = answers.probabilities.get(tile.image_id)
        name = answers.predicted.get(tile.image_id) if answers.names else label
        metadata = {"Image": tile.image_id}
        if label is not None:
            metadata |= {"Label": label, "Labelled by": annotator}
        yield TileFeature(
            f"{PurePosixPath(slide.name).name} {tile.x},{tile.y}",
            *(tile.x - left, tile.y - top, tile.width, tile.height),
            name,
            answers.colours.get(name or "", "#808080"),
            {} if p is None else dict(zip(answers.names, map(float, p), strict=True)),
            metadata,
        )


def _heat_map(file: Path, slide: Slide, tiles: Sequence[SlideTile], answers: _TileAnswers) -> None:
    boxes = np.array([(t.x, t.y, t.x + t.width, t.y + t.height) for t in tiles], float)
    p = np.stack([answers.probabilities[tile.image_id] for tile in tiles])
    channels = [(name, answers.colours[name]) for name in answers.names]
    about = f"Probabilities by Fewshot Lab, of labels until {answers.log}"
    write_heat_map(file, boxes, p, (slide.width, slide.height), slide.mpp, channels, about)


def _tile_row(slide: Slide, tile: SlideTile, answers: _TileAnswers) -> dict[str, Any]:
    label, annotator = answers.labels.get(tile.image_id, ("", ""))
    row: dict[str, Any] = {"slide": slide.name, "image": tile.image_id}
    row |= {name: getattr(tile, name) for name in ("x", "y", "width", "height")}
    row["micrometres_per_pixel"] = "" if tile.mpp is None else f"{tile.mpp:.6g}"
    row |= {"label": label, "annotator": annotator, LOG: answers.log}
    if (p := answers.probabilities.get(tile.image_id)) is not None:
        best = answers.predicted[tile.image_id]
        each = {f"p_{name}": f"{value:.6f}" for name, value in zip(answers.names, p, strict=True)}
        row |= {"predicted": best, "probability": each[f"p_{best}"], **each}
    return row
