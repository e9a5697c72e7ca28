"""Whole slides as tiles, and what is said of them; predict.py carries this text.

Tiles are cut as the project's were: tiles.json says how. OpenSlide reads the slides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.file_types import ending

SLIDE_ENDINGS = (".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide")
TILE_MARK = "#xywh="
TILES_FILE = "tiles.json"
OVERVIEW_UM = 8.0
"""Micrometres per point of the overview on which tissue is looked for."""
OVERVIEW_SIDE = 4096
USUAL_MPP = 0.5
LARGE_SIDE = 4096
"""From which a TIFF in tiles is taken for a slide."""
TILE_WIDTH = 322
TISSUE_WINDOW = 5
LEVEL_FITS = 0.05
BLANK = (255, 255, 255)


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
        What counts as tissue, and the least share of a tile that is.
    """

    tile_px: int
    mpp: Optional[float]  # noqa: UP045 (predict.py runs on Python 3.9)
    overlap: float = 0.0
    saturation: float = 0.07
    texture: float = 0.01
    share: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`load` reads."""
        return asdict(self)

    @classmethod
    def load(cls, folder: Path) -> Optional[TileSettings]:  # noqa: UP045
        """Return the settings of a bundle; None where it was made of no slides."""
        file = folder / TILES_FILE
        return cls(**json.loads(file.read_text("utf-8"))) if file.is_file() else None


@dataclass(frozen=True)
class SlideTilePicture:
    """A tile to be predicted: its name, its place on its slide, and what reads it."""

    path: str
    slide: str
    box: tuple[int, int, int, int]
    read: Callable[[], Image.Image]


def is_slide_file(file: Path) -> bool:
    """Say whether a file is a whole slide.

    By the ending of a scanner's format; another TIFF by being stored in tiles and large.
    """
    suffix = ending(file.name)
    if suffix not in (".tif", ".tiff"):
        return suffix in SLIDE_ENDINGS
    try:
        with file.open("rb") as stream, Image.open(stream, formats=("TIFF",)) as image:
            tiled = TILE_WIDTH in getattr(image, "tag_v2", ())
            return tiled and max(image.size) >= LARGE_SIDE
    except Image.DecompressionBombError:
        return True
    except Exception:  # reading it as a picture says what is wrong
        return False


class SlideTiles:
    """The tiles of one slide.

    Parameters
    ----------
    file : path
    name : str
        As its tiles are called.
    settings : TileSettings
    slide_mpp : float, optional
        Micrometres per pixel where the file does not say it.

    Raises
    ------
    FewshotLabError
        Where OpenSlide is missing, with the command; the file is no slide; its micrometres per
        pixel are not known, or not as fine as asked.
    """

    def __init__(
        self, file: Path, name: str, settings: TileSettings, slide_mpp: float | None = None
    ):
        try:
            import openslide
        except (ImportError, OSError):
            raise FewshotLabError(
                "Slides are read by OpenSlide: pip install openslide-python openslide-bin"
            ) from None
        try:
            self._slide = openslide.OpenSlide(str(file))
        except openslide.OpenSlideError as error:
            raise FewshotLabError(
                f"{file.name} is not a slide that can be read, or its end is missing ({error})."
            ) from None
        self.name = name
        self._settings = settings
        properties = self._slide.properties
        self.origin = tuple(int(properties.get(f"openslide.bounds-{k}", 0)) for k in "xy")
        self.width, self.height = self._slide.dimensions
        self._downsamples = [
            _near_whole((self.width / w + self.height / h) / 2)
            for w, h in self._slide.level_dimensions
        ]
        self._mpp = mpp = _slide_mpp(properties) or slide_mpp
        downsample = 1.0
        if settings.mpp is not None:
            if mpp is None:
                raise FewshotLabError(
                    f"{file.name} does not say how many micrometres a pixel is: give --slide-mpp."
                )
            downsample = settings.mpp / mpp
            near = min(self._downsamples, key=lambda level: abs(level / downsample - 1))
            downsample = near if abs(near / downsample - 1) <= LEVEL_FITS else downsample
            if downsample < 1:
                raise FewshotLabError(
                    f"{file.name} has {mpp:.3g} micrometres per pixel and nothing finer; the "
                    f"classifier was made on {settings.mpp:.3g}."
                )
        self._side = settings.tile_px * downsample
        self._step = max(round(settings.tile_px * (1 - settings.overlap)), 1) * downsample

    def pictures(self) -> list[SlideTilePicture]:
        """Return the tiles with tissue, row by row."""
        columns, rows = (
            max(0, int((length - self._side) / self._step + 1e-9) + 1)
            for length in (self.width, self.height)
        )
        if not columns or not rows:
            return []
        taken = self._tissue(columns, rows)
        return [self._picture(column, row) for row, column in np.argwhere(taken).tolist()]

    def _picture(self, column: int, row: int) -> SlideTilePicture:
        side = round(self._side)
        x, y = round(column * self._step), round(row * self._step)
        path = f"{self.name}{TILE_MARK}{x},{y},{side},{side}"

        def read() -> Image.Image:
            return self.region(x, y, self._side, self._side, self._settings.tile_px)

        return SlideTilePicture(path, self.name, (x, y, side, side), read)

    def _tissue(self, columns: int, rows: int) -> np.ndarray:
        """Return which tiles hold enough tissue (rows, columns)."""
        settings = self._settings
        if settings.share == 0:
            return np.ones((rows, columns), dtype=bool)
        longest = max(self.width, self.height)
        points = max(1, round(longest * (self._mpp or USUAL_MPP) / OVERVIEW_UM))
        scale = longest / min(OVERVIEW_SIDE, points, longest)
        wide = max(1, round(self.width / scale))
        mask = tissue_of(self.region(0, 0, self.width, self.height, wide), settings)
        sums = np.pad(mask.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        down = mask.shape[0] / self.height, mask.shape[1] / self.width

        def edges(count: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
            start = np.floor(np.arange(count) * self._step * down[axis]).astype(int)
            end = np.ceil((np.arange(count) * self._step + self._side) * down[axis]).astype(int)
            return np.minimum(start, mask.shape[axis] - 1), np.minimum(end, mask.shape[axis])

        (top, bottom), (left, right) = edges(rows, 0), edges(columns, 1)
        inside = (
            sums[np.ix_(bottom, right)]
            - sums[np.ix_(top, right)]
            - sums[np.ix_(bottom, left)]
            + sums[np.ix_(top, left)]
        )
        return np.asarray(inside >= settings.share * np.outer(bottom - top, right - left) - 1e-9)

    def region(self, x: float, y: float, width: float, height: float, pixels: int) -> Image.Image:
        """Return a part of the slide, so many pixels wide: from the nearest finer level."""
        out = (pixels, max(1, round(pixels * height / width)))
        wanted = width / pixels
        fine = [k for k, down in enumerate(self._downsamples) if down <= wanted * 1.01]
        level = max(fine, key=lambda k: self._downsamples[k], default=0)
        down = self._downsamples[level]
        factor = wanted / down
        left, top = x / down, y / down
        if abs(factor - 1) <= 0.01:
            return self._read(level, round(left), round(top), *out)
        margin = int(4 * max(factor, 1)) + 1
        x, y = int(left) - margin, int(top) - margin
        x1, y1 = int(left + width / down) + margin + 1, int(top + height / down) + margin + 1
        step = int(factor // 2)
        part, shrunk = self._large(level, x, y, x1 - x, y1 - y, step)
        x0, y0 = (left - x) / shrunk, (top - y) / shrunk
        box = (x0, y0, x0 + width / down / shrunk, y0 + height / down / shrunk)
        return part.resize(out, Image.Resampling.LANCZOS, box=box)

    def _large(
        self, level: int, x: int, y: int, width: int, height: int, step: int
    ) -> tuple[Image.Image, float]:
        """Read a part of a level, a very large one in blocks that are made smaller at once."""
        if width * height <= 4 * 2048 * 2048 or step < 2:
            return self._read(level, x, y, width, height), 1.0
        block = max(2048 // step, 1) * step
        canvas = Image.new("RGB", (-(-width // step), -(-height // step)), BLANK)
        for top in range(0, height, block):
            for left in range(0, width, block):
                size = (min(block, width - left), min(block, height - top))
                part = self._read(level, x + left, y + top, *size)
                canvas.paste(part.reduce(step), (left // step, top // step))
        return canvas, width / canvas.width

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        down = self._downsamples[level]
        part = self._slide.read_region((round(x * down), round(y * down)), level, (width, height))
        canvas = Image.new("RGB", part.size, BLANK)
        canvas.paste(part, mask=part.getchannel("A"))
        return canvas


def _near_whole(downsample: float) -> float:
    """Levels are rounded to whole pixels: 4.0003 means 4."""
    near = round(downsample)
    return float(near) if near and abs(downsample - near) <= 0.01 * near else downsample


def _slide_mpp(properties: Mapping[str, str]) -> Optional[float]:  # noqa: UP045
    """Return micrometres per pixel; None where a file says none, or nonsense."""
    texts = (properties.get(f"openslide.mpp-{axis}") for axis in "xy")
    try:
        values = [float(text) for text in texts if text is not None]
    except ValueError:
        return None
    mean = sum(values) / len(values) if values else 0.0
    return mean if 0.01 <= mean <= 100 else None


def tissue_of(overview: Image.Image, settings: TileSettings) -> np.ndarray:
    """Say which points of an overview are tissue: coloured and textured (height, width)."""
    rgb = np.asarray(overview.convert("RGB"), np.float32) / 255
    high, low = rgb.max(2), rgb.min(2)
    saturation = (high - low) / np.maximum(high, 1e-6)
    saturation[high < 0.1] = 0  # of black, colour is noise
    lightness = rgb.mean(2)
    variance = _box_mean(lightness**2) - _box_mean(lightness) ** 2
    texture = np.sqrt(np.maximum(variance, 0))
    tissue = (_box_mean(saturation) >= settings.saturation) & (texture >= settings.texture)
    return np.asarray(_box_mean(tissue.astype(np.float32)) >= 0.5 - 1e-6)


def _box_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over 5 x 5 points around each; edges are mirrored."""
    half = TISSUE_WINDOW // 2
    padded = np.pad(values.astype(np.float64), half, mode="symmetric")
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    n = TISSUE_WINDOW
    total = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    return np.asarray(total / n**2)


def slide_of_path(path: str) -> Optional[str]:  # noqa: UP045 (predict.py runs on Python 3.9)
    """Return the slide that a tile's path names; None for another picture."""
    slide, mark, _ = path.rpartition(TILE_MARK)
    return slide if mark else None
