"""The levels of a slide, whatever its format: OpenSlide, and tifffile for what it does not read."""

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.slides.slide_files import SLIDE_SUFFIXES

INSTALL = "pip install fewshot-lab[slides]"
KEPT_OPEN = 8
CACHE = 64_000_000
"""Bytes of decoded pieces that all open slides share."""
BLOCK = 2048
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class SlideLevel:
    """One level of a slide's pyramid.

    Attributes
    ----------
    width, height : int
        In its own pixels.
    downsample : float
        How many pixels of the finest level lie along one of its pixels; whole where it is within
        1 % of a whole number.
    """

    width: int
    height: int
    downsample: float


class _Pixels(Protocol):
    """What a format's reader offers."""

    sizes: list[tuple[int, int]]
    mpp: float | None

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        """Return pixels of a level, from a place in the level's own pixels."""


class SlideReader:
    """An open slide. Threads may share it.

    Attributes
    ----------
    path : Path
    levels : list of SlideLevel
        From the finest.
    mpp : float or None
        Micrometres per pixel of the finest level, where the file says it.
    origin : (int, int)
        Where the scanned part begins, in pixels of the finest level: QuPath counts from there.
    """

    def __init__(self, path: Path, pixels: _Pixels):
        self.path = path
        self.mpp = pixels.mpp
        self.origin: tuple[int, int] = getattr(pixels, "origin", (0, 0))
        self._pixels = pixels
        width, height = pixels.sizes[0]
        self.levels = [
            SlideLevel(w, h, _whole((width / w + height / h) / 2)) for w, h in pixels.sizes
        ]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the finest level in pixels."""
        return self.levels[0].width, self.levels[0].height

    def level_for(self, downsample: float) -> int:
        """Return the coarsest level that is still as fine as asked (within 1 %)."""
        fine = [k for k, level in enumerate(self.levels) if level.downsample <= downsample * 1.01]
        return max(fine, key=lambda k: self.levels[k].downsample, default=0)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        """Return a part of a level as RGB; beyond the slide, and where nothing was scanned, white.

        Parameters
        ----------
        level : int
        x, y, width, height : int
            In pixels of that level.

        Raises
        ------
        UnreadableImage
            Where the file is damaged there.
        """
        return self._pixels.read(level, x, y, width, height)

    def region(
        self, x: float, y: float, side: float, pixels: int, height: float | None = None
    ) -> Image.Image:
        """Return a part of the slide at a size: from the nearest finer level, with antialiasing.

        Where a level fits (within 1 %) and the place lies on its pixels, these are its own.

        Parameters
        ----------
        x, y : float
            Upper left corner, in pixels of the finest level.
        side : float
            Width, in the same; also the height where none is given.
        pixels : int
            Width of what is returned.
        height : float, optional
            In pixels of the finest level.

        Returns
        -------
        PIL.Image.Image
            RGB, ``pixels`` wide.
        """
        high = side if height is None else height
        out = (pixels, max(1, round(pixels * high / side)))
        wanted = side / pixels
        number = self.level_for(wanted)
        down = self.levels[number].downsample
        factor = wanted / down
        left, top = x / down, y / down
        if abs(factor - 1) <= 0.01:
            return self.read(number, round(left), round(top), *out)
        # Pixels around it take part in the average, as they do in a whole picture made smaller.
        margin = int(4 * max(factor, 1)) + 1
        x0, y0 = int(left) - margin, int(top) - margin
        x1, y1 = int(left + side / down) + margin + 1, int(top + high / down) + margin + 1
        part = self._whole(number, x0, y0, x1 - x0, y1 - y0, factor)
        shrunk = (x1 - x0) / part.width
        a, b = (left - x0) / shrunk, (top - y0) / shrunk
        box = (a, b, a + side / down / shrunk, b + high / down / shrunk)
        return part.resize(out, Image.Resampling.LANCZOS, box=box)

    def overview(self, longest: int) -> Image.Image:
        """Return the whole slide, its longer side so many pixels or less."""
        width, height = self.size
        scale = max(width, height) / min(longest, max(width, height))
        return self.region(0, 0, width, max(1, round(width / scale)), height)

    def _whole(
        self, level: int, x: int, y: int, width: int, height: int, factor: float
    ) -> Image.Image:
        """Read a part of a level; a very large one in blocks, each made smaller at once.

        Blocks are reduced by whole numbers, and stay at least twice as fine as asked.
        """
        step = int(factor // 2)
        if width * height <= 4 * BLOCK * BLOCK or step < 2:
            return self.read(level, x, y, width, height)
        block = max(BLOCK // step, 1) * step
        canvas = Image.new("RGB", (-(-width // step), -(-height // step)), WHITE)
        for top in range(0, height, block):
            for left in range(0, width, block):
                size = (min(block, width - left), min(block, height - top))
                part = self.read(level, x + left, y + top, *size)
                canvas.paste(part.reduce(step), (left // step, top // step))
        return canvas


def open_slide(path: Path) -> SlideReader:
    """Open a slide, or return it where it is open; the newest few stay open.

    Raises
    ------
    UnreadableImage
        Where the file is not there, is no slide or is damaged, or the reader of its format is
        not installed, with the command that installs it.
    """
    path = Path(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UnreadableImage("The slide is not there.") from None
    except OSError as error:
        raise UnreadableImage(f"The slide cannot be read: {error.strerror}.") from None
    return _opened(path, (status.st_size, status.st_mtime_ns))


@lru_cache(KEPT_OPEN)
def _opened(path: Path, version: tuple[int, int]) -> SlideReader:
    """Open a version of a slide; one that falls out closes when its last reader is done."""
    return SlideReader(path, _pixels_of(path))


def _pixels_of(path: Path) -> _Pixels:
    from fewshot_lab.images.slides.pyramid_tiff import PyramidTiff, has_own_levels

    if has_own_levels(path):  # of these OpenSlide reads the finest level alone
        return PyramidTiff(path)
    try:
        return _OpenSlidePixels(path)
    except _OtherReaderError as error:
        if path.suffix.lower() not in SLIDE_SUFFIXES and PyramidTiff.suits(path):
            return PyramidTiff(path)
        raise UnreadableImage(str(error)) from error.__cause__


class _OtherReaderError(Exception):
    """OpenSlide is not installed, or does not read this file; the reason is a sentence."""


@cache
def _openslide() -> Any:
    """Import OpenSlide once, with the cache that all slides share."""
    try:
        import openslide
    except (ImportError, OSError) as error:  # OSError: the package without its library
        raise _OtherReaderError(f"Whole slides are read by OpenSlide: {INSTALL}") from error
    return openslide, openslide.OpenSlideCache(CACHE)


class _OpenSlidePixels:
    """A slide read by OpenSlide (https://openslide.org/api/python/)."""

    def __init__(self, path: Path):
        openslide, shared = _openslide()
        self._errors = openslide.OpenSlideError
        try:
            self._slide = openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError as error:
            raise _OtherReaderError(
                "This is not a slide that can be read, or its end is missing."
            ) from error
        except openslide.OpenSlideError as error:
            raise UnreadableImage(_damaged(error)) from error
        self._slide.set_cache(shared)
        self.sizes = [(int(w), int(h)) for w, h in self._slide.level_dimensions]
        self._downsamples = [float(down) for down in self._slide.level_downsamples]
        properties = self._slide.properties
        corner = [openslide.PROPERTY_NAME_BOUNDS_X, openslide.PROPERTY_NAME_BOUNDS_Y]
        self.origin = tuple(int(properties.get(name, 0)) for name in corner)
        self.mpp = _mean_mpp(
            properties.get(openslide.PROPERTY_NAME_MPP_X),
            properties.get(openslide.PROPERTY_NAME_MPP_Y),
        )

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        down = self._downsamples[level]  # as OpenSlide will divide by it
        try:
            part = self._slide.read_region(
                (round(x * down), round(y * down)), level, (width, height)
            )
        except self._errors as error:
            _opened.cache_clear()  # after an error OpenSlide repeats it for every place
            raise UnreadableImage(_damaged(error)) from error
        canvas = Image.new("RGB", part.size, WHITE)
        canvas.paste(part, mask=part.getchannel("A"))
        return canvas


def _damaged(error: Exception) -> str:
    return f"The slide is damaged or its end is missing ({error})."


def _mean_mpp(x: str | float | None, y: str | float | None) -> float | None:
    """Return micrometres per pixel as one number; None where a file says none, or nonsense."""
    try:
        values = [float(value) for value in (x, y) if value is not None]
    except ValueError:
        return None
    mean = sum(values) / len(values) if values else 0.0
    return mean if 0.01 <= mean <= 100 else None


def _whole(downsample: float) -> float:
    """Levels are rounded to whole pixels: 4.0003 means 4."""
    near = round(downsample)
    return float(near) if near and abs(downsample - near) <= 0.01 * near else downsample
