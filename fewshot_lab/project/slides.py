"""The whole slides of a project, and which of its images are tiles of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.project.base import ProjectFolder

if TYPE_CHECKING:
    from fewshot_lab.images.slides import TileGrid

GRIDS = "slides"
"""Folder of a project for the files that say how its slides are cut."""


@dataclass(frozen=True)
class Slide:
    """A slide of which a project has tiles.

    Attributes
    ----------
    name : str
        Its path as it was imported, with "/"; the value of the metadata column "slide".
    file : Path
        Where it is read from; perhaps it has gone.
    width, height : int
        Of its finest level in pixels.
    mpp : float or None
        Micrometres per pixel of that level.
    """

    name: str
    file: Path
    width: int
    height: int
    mpp: float | None


@dataclass(frozen=True)
class SlideTile:
    """An image that is a tile of a slide.

    Attributes
    ----------
    image_id : str
    x, y, width, height : int
        In pixels of the slide's finest level.
    mpp : float or None
        Micrometres per pixel of the image.
    """

    image_id: str
    x: int
    y: int
    width: int
    height: int
    mpp: float | None


def slides_of(project: ProjectFolder) -> list[Slide]:
    """Return the slides of which a project has tiles, by name.

    A slide that was imported again from another place is one; its file is one that is there.
    """
    slides: dict[Any, Slide] = {}
    for file, grid in _grids(project):
        if project.store.frames_of(project.stored(file)):
            known = slides.get(_key(grid))
            if known is None or not known.file.exists():
                slides[_key(grid)] = Slide(
                    grid.name, Path(grid.slide), grid.width, grid.height, grid.mpp
                )
    return sorted(slides.values(), key=lambda slide: slide.name)


def tiles_of(project: ProjectFolder, slide: Slide) -> list[SlideTile]:
    """Return a slide's tiles among the images of a project, row by row.

    Tiles with the same pixels (of glass, most often) are one image in several places.
    """
    tiles = {
        SlideTile(image_id, *grid.place(number), grid.tile_mpp)
        for file, grid in _grids(project)
        if _key(grid) == _key(slide)
        for number, image_id in project.store.frames_of(project.stored(file))
    }
    return sorted(tiles, key=lambda tile: (tile.y, tile.x, tile.width, tile.image_id))


def grids_of(project: ProjectFolder) -> list[TileGrid]:
    """Return how the slides of a project are cut, one for each time that a slide was."""
    return [grid for file, grid in _grids(project) if project.store.frames_of(project.stored(file))]


def _key(slide: Slide | TileGrid) -> tuple[str, int, int, float | None]:
    return slide.name, slide.width, slide.height, slide.mpp


def _grids(project: ProjectFolder) -> Iterator[tuple[Path, TileGrid]]:
    """Yield the grids that can be read, with their files."""
    from fewshot_lab.images import UnreadableImage
    from fewshot_lab.images.slides import GRID_SUFFIX, load_grid

    for file in sorted((project.folder / GRIDS).glob(f"*{GRID_SUFFIX}")):
        with suppress(UnreadableImage):  # whoever looks at its tiles is told
            yield file, load_grid(file)
