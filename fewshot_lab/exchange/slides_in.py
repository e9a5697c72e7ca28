"""Labels of tiles from outlines that were drawn on their slide in QuPath."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.annotations import Outlines, covered, read_outlines
from fewshot_lab.exchange.slides_out import slide_origin
from fewshot_lab.project import CsvLabels, CsvPreview, preview_rows, slides_of, tiles_of
from fewshot_lab.words import first_few, percent, plural

if TYPE_CHECKING:
    from fewshot_lab.project import Project, Slide

LEAST = 0.5
"""Share of a tile that an outline must cover, for the tile to get its class."""
BEYOND = 0.01


@dataclass(frozen=True)
class OutlinePreview:
    """What labelling by outlines would do.

    Attributes
    ----------
    file : str
        The name of the file.
    slide : Slide
    areas : int
        Outlines with a class.
    tiles : int
        Tiles of the slide in the project.
    least : float
        Share of a tile that must be covered.
    rows : list of (str, str)
        Image id and class of each tile that would be labelled.
    labels : CsvPreview
        What it would do to the project: counts, new classes, labels that change.
    torn : int
        Images that lie in several places and would get several classes.
    left_out : str
        What of the file is no classified area, in a sentence; "" for nothing.
    """

    file: str
    slide: Slide
    areas: int
    tiles: int
    least: float
    rows: list[tuple[str, str]]
    labels: CsvPreview
    torn: int
    left_out: str

    @property
    def sentence(self) -> str:
        """Say what would be done."""
        text = (
            f"{plural(self.areas, 'classified outline')} on {self.slide.name}: "
            f"{len(self.rows):,} of {plural(self.tiles, 'tile')} are covered by "
            f"{percent(self.least)} or more of one class. Where outlines overlap, the smaller one "
            "counts."
        )
        if self.torn:
            text += (
                f" {plural(self.torn, 'tile')} with the same pixels in several places would get "
                "several classes: left out."
            )
        if not self.rows:
            text += " Nothing would be labelled: is it another slide, or the share too high?"
        return f"{text} {self.left_out}".strip()


def preview_outlines(
    project: Project,
    file: Path,
    annotator: str,
    *,
    slide: str | None = None,
    least: float = LEAST,
    name: str | None = None,
) -> OutlinePreview:
    """Return what labelling tiles by a GeoJSON of QuPath would do; nothing is stored.

    Parameters
    ----------
    project : Project
    file : Path
    annotator : str
        Whose labels they would be.
    slide : str, optional
        The slide's name; by default the only one, or the one that the file is named after.
    least : float
        Share of a tile that one class must cover, above 0, at most 1.
    name : str, optional
        What the file was called, where it is a copy.

    Raises
    ------
    FewshotLabError
        Where the file is no GeoJSON or holds no classified area, it is not clear on which slide
        it was drawn, or the outlines lie beyond that slide.
    """
    if not 0 < least <= 1:
        raise FewshotLabError("The share of a tile that must be covered lies above 0, at most 1.")
    name = name or file.name
    outlines = read_outlines(file)
    chosen = _slide(project, name, slide)
    left, top = slide_origin(chosen)
    _refuse_another_slide(outlines, chosen, (left, top))
    tiles = tiles_of(project, chosen)
    boxes = np.array([(t.x, t.y, t.x + t.width, t.y + t.height) for t in tiles], float)
    names, shares = covered(outlines, boxes - [left, top, left, top])
    classes: dict[str, set[str]] = {}
    for k in np.flatnonzero(shares.max(axis=1) >= least - 1e-9).tolist():
        classes.setdefault(tiles[k].image_id, set()).add(names[int(shares[k].argmax())])
    rows = [(i, next(iter(each))) for i, each in classes.items() if len(each) == 1]
    return OutlinePreview(
        name,
        chosen,
        len(outlines.areas),
        len(tiles),
        least,
        rows,
        preview_rows(project.store, name, rows, annotator),
        len(classes) - len(rows),
        outlines.left_out_sentence,
    )


def label_by_outlines(project: Project, preview: OutlinePreview, annotator: str) -> CsvLabels:
    """Label the tiles as previewed: one action, which one undo takes back."""
    done = project.labels.add_rows({annotator: preview.rows}, preview.file)
    project.store.note(
        "labels",
        kind="qupath",
        file=preview.file,
        slide=preview.slide.name,
        least=preview.least,
        labelled=done.labelled,
    )
    return done


def _slide(project: Project, file: str, wanted: str | None) -> Slide:
    """Return the slide that outlines were drawn on."""
    slides = slides_of(project)
    if not slides:
        raise FewshotLabError(f"{project.name!r} has no tiles of whole slides.")

    def stem(slide: Slide) -> str:
        return PurePosixPath(slide.name).stem.casefold()

    if wanted is not None:
        meant = [s for s in slides if s.name == wanted] or [
            s
            for s in slides
            if wanted.casefold() in (stem(s), PurePosixPath(s.name).name.casefold())
        ]
    else:
        meant = slides if len(slides) == 1 else []
        meant = meant or [s for s in slides if file.casefold().startswith(stem(s))]
        longest = max((len(stem(s)) for s in meant), default=0)
        meant = [s for s in meant if len(stem(s)) == longest]
    if len(meant) == 1:
        return meant[0]
    some = first_few([s.name for s in slides], 5)
    if wanted is not None:
        raise FewshotLabError(f"There is no one slide {wanted!r} in {project.name!r}: {some}")
    raise FewshotLabError(f"{file} does not say which slide it is of; choose one of: {some}")


def _refuse_another_slide(outlines: Outlines, slide: Slide, origin: tuple[int, int]) -> None:
    x0, y0, x1, y1 = outlines.bounds
    width, height = slide.width - origin[0], slide.height - origin[1]
    room_x, room_y = BEYOND * width, BEYOND * height
    if x0 < -room_x or y0 < -room_y or x1 > width + room_x or y1 > height + room_y:
        raise FewshotLabError(
            f"The outlines reach from ({x0:,.0f}, {y0:,.0f}) to ({x1:,.0f}, {y1:,.0f}), and "
            f"{slide.name} has {width:,} x {height:,} pixels: they are of another slide, or were "
            "drawn on a smaller copy of it. Nothing was stored."
        )
