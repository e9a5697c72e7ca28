"""What an import would make of a slide, before it is started: counted, timed and drawn."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fewshot_lab.images.slides.reader import open_slide
from fewshot_lab.images.slides.tile_grid import make_grid
from fewshot_lab.images.slides.tiling import Tiling
from fewshot_lab.images.slides.tissue import draw_evenly, mask_overview, tissue_mask, tissue_tiles

SHOWN = 2048
"""Longer side in pixels of the picture that is drawn on."""
ACCENT = (15, 118, 110)
TIMED = 8
"""Tiles that are read to tell how long reading takes."""


@dataclass(frozen=True)
class SlidePreview:
    """What an import would make of a slide.

    Attributes
    ----------
    name : str
    width, height : int
        In pixels of the finest level.
    mpp : float or None
        Micrometres per pixel of that level.
    tissue : float
        Share of the slide that is tissue.
    tiles, taken : int
        Tiles that are tissue, and how many of them would be images.
    tile_mpp : float or None
        Micrometres per pixel of a tile.
    seconds : float
        To read the tiles that would be taken, with one thread.
    picture : PIL.Image.Image
        The slide with all but its tissue faded and the tiles outlined.
    """

    name: str
    width: int
    height: int
    mpp: float | None
    tissue: float
    tiles: int
    taken: int
    tile_mpp: float | None
    seconds: float
    picture: Image.Image


class SlideOnView:
    """A slide whose tissue and tiles are looked at by several tilings; its overview is read once.

    Parameters
    ----------
    path : Path
    name : str, optional
        What it is called; its file's name without it.

    Raises
    ------
    UnreadableImage
    """

    def __init__(self, path: Path, name: str | None = None):
        self.slide = open_slide(path)
        self.name = name or path.name
        self._overview = self.slide.overview(SHOWN)
        self._for_mask: dict[float | None, Image.Image] = {}
        self._seconds: dict[tuple[float, int], float] = {}

    def look(self, tiling: Tiling, *, longest: int = 1024) -> SlidePreview:
        """Return what a tiling makes of the slide, its picture so many pixels long.

        Raises
        ------
        UnreadableImage
            Where the slide cannot be cut like this.
        """
        grid = make_grid(self.slide, self.name, tiling)
        if grid.mpp not in self._for_mask:
            self._for_mask[grid.mpp] = mask_overview(self.slide, grid.mpp)
        mask = tissue_mask(self._for_mask[grid.mpp], tiling.tissue)
        tiles = tissue_tiles(grid, mask, tiling.tissue.share)
        taken = draw_evenly(grid, tiles, tiling.most, tiling.seed)
        key = (grid.side, grid.tile_px)
        if len(taken) and key not in self._seconds:
            some = taken[:: max(1, len(taken) // TIMED)][:TIMED].tolist()
            began = time.perf_counter()
            for number in some:
                grid.read(number)
            self._seconds[key] = (time.perf_counter() - began) / len(some)
        return SlidePreview(
            self.name,
            grid.width,
            grid.height,
            grid.mpp,
            float(mask.mean()),
            len(tiles),
            len(taken),
            grid.tile_mpp,
            self._seconds.get(key, 0.0) * len(taken),
            self._drawn(mask, [grid.place(k) for k in taken.tolist()], longest),
        )

    def _drawn(
        self, mask: np.ndarray, places: list[tuple[int, int, int, int]], longest: int
    ) -> Image.Image:
        picture = self._overview.copy()
        faded = Image.blend(picture, Image.new("RGB", picture.size, (255, 255, 255)), 0.75)
        picture.paste(faded, mask=Image.fromarray(~mask).resize(picture.size))
        picture.thumbnail((longest, longest))
        scale = picture.width / self.slide.size[0]
        draw = ImageDraw.Draw(picture)
        for x, y, width, height in places:
            corner = (x * scale, y * scale, (x + width) * scale - 1, (y + height) * scale - 1)
            draw.rectangle(corner, outline=ACCENT, width=1)
        return picture
