"""Whole slides as tiles; predict.py carries this text, and that of the app's own readers.

Tiles are cut as the project's were: tiles.json says how.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Optional

from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.slides.reader import open_slide
from fewshot_lab.images.slides.tile_grid import TileGrid, make_grid
from fewshot_lab.images.slides.tiling import Tiling, TissueRule
from fewshot_lab.images.slides.tissue import tiles_of_slide

TILE_MARK = "#xywh="
TILES_FILE = "tiles.json"
NO_TILES = "The classifier was not made from slides: give --tile-px and --mpp for its images."
SLIDE_PACKAGES = "pip install openslide-python openslide-bin tifffile imagecodecs pydicom"


@dataclass(frozen=True)
class TileSettings:
    """How slides are cut.

    Attributes
    ----------
    tile_px : int
        Side of a tile in its own pixels.
    mpp : float or None
        Micrometres per pixel of a tile; None: pixels of the slide as they are.
    overlap : float
        Share of the side that neighbours have in common.
    saturation, texture, share : float
        What counts as tissue, and the least share of a tile that is: see :class:`TissueRule`.
    """

    tile_px: int
    mpp: Optional[float]  # noqa: UP045 (predict.py runs on Python 3.9)
    overlap: float = 0.0
    saturation: float = TissueRule.saturation
    texture: float = TissueRule.texture
    share: float = TissueRule.share

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`load` reads."""
        return asdict(self)

    @classmethod
    def load(cls, folder: Path) -> Optional[TileSettings]:  # noqa: UP045
        """Return the settings of a bundle; None where it was made of no slides.

        Raises
        ------
        FewshotLabError
            Where they cannot be read.
        """
        file = folder / TILES_FILE
        if not file.is_file():
            return None
        try:
            settings = cls(**json.loads(file.read_text("utf-8")))
            settings.tiling()
        except (OSError, ValueError, TypeError, RecursionError):
            raise FewshotLabError(f"{TILES_FILE} cannot be read; copy the bundle again.") from None
        return settings

    @classmethod
    def chosen(cls, folder: Path, tile_px: int | None, mpp: float | None) -> Optional[TileSettings]:  # noqa: UP045
        """Return the settings of a bundle, but for what was asked; None where neither says any."""
        settings = cls.load(folder)
        if tile_px is not None:
            return cls(tile_px, mpp)
        return settings if settings is None or mpp is None else replace(settings, mpp=mpp)

    def tiling(self, slide_mpp: float | None = None) -> Tiling:
        """Return how the app cuts slides like this: all tiles with tissue."""
        tissue = TissueRule(self.saturation, self.texture, self.share)
        shared: dict[str, Any] = {"overlap": self.overlap, "most": None, "tissue": tissue}
        if self.mpp is None:
            return Tiling(tile_px=self.tile_px, **shared)
        tile_um = self.tile_px * self.mpp
        return Tiling(tile_um=tile_um, mpp=self.mpp, slide_mpp=slide_mpp, **shared)


class SlideTilePicture(NamedTuple):
    """A tile to be predicted: what it is called, and where it lies on its slide."""

    path: str
    grid: TileGrid
    number: int

    def read(self) -> Image.Image:
        """Return its pixels as RGB."""
        return self.grid.read(self.number)


class SlideTiles:
    """The tiles with tissue of one slide.

    Parameters
    ----------
    file : path
    name : str
        As its tiles are called.
    settings : TileSettings
    slide_mpp : float, optional
        Micrometres per pixel where the file does not say it.

    Attributes
    ----------
    pictures : list of SlideTilePicture
        Row by row.
    origin : (int, int)
        Where QuPath counts the slide's pixels from.

    Raises
    ------
    FewshotLabError
        Where a package is missing, with the command; the file is no slide; its micrometres per
        pixel are not known, or not as fine as asked.
    """

    def __init__(
        self, file: Path, name: str, settings: TileSettings, slide_mpp: float | None = None
    ):
        if not are_installed("openslide", "tifffile", "imagecodecs"):
            raise FewshotLabError(f"Whole slides need further packages: {SLIDE_PACKAGES}")
        tiling = settings.tiling(slide_mpp)
        slide = open_slide(file)
        grid = make_grid(slide, name, tiling)
        numbers = tiles_of_slide(slide, grid, tiling).tolist()
        self.origin = slide.origin
        self.pictures = [SlideTilePicture(grid.path_of(k), grid, k) for k in numbers]


def are_installed(*packages: str) -> bool:
    """Say whether packages can be imported; one without its library cannot."""
    try:
        for package in packages:
            import_module(package)
    except (ImportError, OSError):
        return False
    return True


def slide_of_path(path: str) -> Optional[str]:  # noqa: UP045
    """Return the slide that a tile's path names; None for another picture."""
    slide, mark, _ = path.rpartition(TILE_MARK)
    return slide if mark else None
