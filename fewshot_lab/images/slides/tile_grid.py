"""How a slide is cut: where each of its tiles lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.slides.reader import SlideReader, open_slide
from fewshot_lab.images.slides.tiling import Tiling, TissueRule

FITTING = 0.05
"""A level is taken as it is where its pixels are of nearly the size asked."""


class Place(NamedTuple):
    """Where a tile lies on the slide, in pixels of its finest level."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class TileGrid:
    """How one slide is cut; tile ``k`` is in column ``k % columns`` of row ``k // columns``.

    Which of the tiles are images of a project says its database. So a tile keeps its number
    whatever is taken for tissue and however many are drawn.

    Attributes
    ----------
    slide : str
        The slide's file, absolute.
    name : str
        The slide's path as it was imported, with "/".
    width, height : int
        Of the slide's finest level in pixels.
    mpp : float or None
        Micrometres per pixel of the finest level.
    tile_px : int
        Side of a tile in its own pixels.
    side, step : float
        Side of a tile, and distance to the next, in pixels of the finest level.
    tissue : TissueRule or None
        What counted as tissue when tiles were last taken; None where it was not kept.
    """

    slide: str
    name: str
    width: int
    height: int
    mpp: float | None
    tile_px: int
    side: float
    step: float
    tissue: TissueRule | None = None

    @property
    def columns(self) -> int:
        """How many whole tiles lie beside each other."""
        return max(0, int((self.width - self.side) / self.step + 1e-9) + 1)

    @property
    def rows(self) -> int:
        """How many whole tiles lie below each other."""
        return max(0, int((self.height - self.side) / self.step + 1e-9) + 1)

    @property
    def tile_mpp(self) -> float | None:
        """Micrometres per pixel of a tile."""
        return None if self.mpp is None else self.mpp * self.side / self.tile_px

    def place(self, number: int) -> Place:
        """Return where a tile lies.

        Raises
        ------
        UnreadableImage
            Where the grid has no tile of this number.
        """
        row, column = divmod(number, max(self.columns, 1))
        if not (0 <= row < self.rows and self.columns):
            raise UnreadableImage(f"There is no tile {number} on this slide.")
        side = round(self.side)
        return Place(round(column * self.step), round(row * self.step), side, side)

    def path_of(self, number: int) -> str:
        """Return what a tile is called: the slide and its place (as in W3C media fragments)."""
        return f"{self.name}#xywh={','.join(map(str, self.place(number)))}"

    def read(self, number: int) -> Image.Image:
        """Return a tile as RGB.

        Raises
        ------
        UnreadableImage
        """
        place = self.place(number)
        return open_slide(Path(self.slide)).region(place.x, place.y, self.side, self.tile_px)


def make_grid(slide: SlideReader, name: str, tiling: Tiling) -> TileGrid:
    """Cut a slide as a tiling says.

    Raises
    ------
    UnreadableImage
        Where the slide does not say its micrometres per pixel, has no pixels as fine as asked, or
        is smaller than a tile.
    """
    mpp = slide.mpp or tiling.slide_mpp
    if tiling.tile_px is not None:
        downsample = 1.0
    elif mpp is None:
        raise UnreadableImage(
            "The slide does not say how many micrometres a pixel is: give that number "
            "(--slide-mpp 0.25), or the side of a tile in pixels (--tile-px 256)."
        )
    else:
        downsample = _fitting(slide, tiling.mpp / mpp)
        if downsample < 1:
            raise UnreadableImage(
                f"The slide has {mpp:.3g} micrometres per pixel and nothing finer: ask for "
                f"{mpp:.2g} or more."
            )
    side = tiling.side_px * downsample
    step = max(round(tiling.side_px * (1 - tiling.overlap)), 1) * downsample
    width, height = slide.size
    if min(width, height) < side:
        raise UnreadableImage(
            f"The slide ({width:,} x {height:,} pixels) is smaller than a tile of {round(side):,}."
        )
    return TileGrid(
        str(slide.path),
        name,
        width,
        height,
        mpp,
        tiling.side_px,
        float(side),
        float(step),
        tiling.tissue,
    )


def _fitting(slide: SlideReader, downsample: float) -> float:
    """Return a level's own downsample where it is nearly the one asked."""
    nearest = min(slide.levels, key=lambda level: abs(level.downsample / downsample - 1))
    close = abs(nearest.downsample / downsample - 1) <= FITTING
    return nearest.downsample if close else downsample
