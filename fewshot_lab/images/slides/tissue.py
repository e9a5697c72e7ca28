"""Where on a slide tissue lies, and which tiles are taken of it.

The text of this file also stands in the ``predict.py`` of every exported classifier: numpy alone.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_lab.images.slides.reader import SlideReader
from fewshot_lab.images.slides.tile_grid import TileGrid
from fewshot_lab.images.slides.tiling import Tiling, TissueRule

MASK_UM = 8.0
"""Micrometres per point of the overview on which tissue is looked for: some cells."""
LONGEST = 4096
"""Of that overview, in points."""
USUAL = 0.5
"""Micrometres per pixel of a slide that does not say its own."""
WINDOW = 5
NEARLY_BLACK = 0.2
"""Lightness, 0 to 1, below which colour is noise: the slide's frame, black ink."""
STRONG = 0.13
"""Saturation from which contrast must grow with it: ink is strong in colour, and lies smooth."""


def tissue_mask(overview: Image.Image, rule: TissueRule) -> NDArray[np.bool_]:
    """Say which points of an overview are tissue: coloured, and textured as much as coloured.

    Parameters
    ----------
    overview : PIL.Image.Image
        RGB.
    rule : TissueRule

    Returns
    -------
    array (height, width) of bool
        Smoothed over 5 x 5 points.
    """
    rgb = np.asarray(overview.convert("RGB"), np.float32) / 255
    high, low = rgb.max(2), rgb.min(2)
    saturation = (high - low) / np.maximum(high, 1e-6)
    saturation[high < NEARLY_BLACK] = 0
    saturation = _local_mean(saturation)
    lightness = rgb.mean(2)
    variance = _local_mean(lightness**2) - _local_mean(lightness) ** 2
    texture = np.sqrt(np.maximum(variance, 0))
    needed = rule.texture * np.maximum(saturation / STRONG, 1)
    tissue = (saturation >= rule.saturation) & (texture >= needed)
    return np.asarray(_local_mean(tissue.astype(np.float32)) >= 0.5)


def _local_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over the window around each point; edges are mirrored."""
    return _mean_down(_mean_down(values).T).T


def _mean_down(values: NDArray[np.float32]) -> NDArray[np.float32]:
    half = WINDOW // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="symmetric")
    total = padded[: len(values)].copy()
    for shift in range(1, WINDOW):
        total += padded[shift : shift + len(values)]
    return np.asarray(total / WINDOW, np.float32)


def mask_overview(slide: SlideReader, mpp: float | None) -> Image.Image:
    """Return the slide at the scale at which tissue is looked for, whatever its own."""
    side = max(slide.size)
    return slide.overview(min(LONGEST, max(1, round(side * (mpp or USUAL) / MASK_UM))))


def tissue_tiles(grid: TileGrid, mask: NDArray[np.bool_], share: float) -> NDArray[np.int64]:
    """Return the numbers of the tiles of which at least a share is tissue, row by row.

    Parameters
    ----------
    grid : TileGrid
    mask : array (height, width) of bool
        Over the whole slide, at any scale.
    share : float
        0 to 1.
    """
    rows, columns = np.arange(grid.rows), np.arange(grid.columns)
    if share == 0:
        return np.arange(len(rows) * len(columns))
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    sums[1:, 1:] = mask.cumsum(0, dtype=np.float64).cumsum(1)
    down = mask.shape[0] / grid.height, mask.shape[1] / grid.width

    def edges(numbers: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        start = np.floor(numbers * grid.step * down[k]).astype(int)
        end = np.ceil((numbers * grid.step + grid.side) * down[k]).astype(int)
        return np.minimum(start, mask.shape[k] - 1), np.minimum(end, mask.shape[k])

    (top, bottom), (left, right) = edges(rows, 0), edges(columns, 1)
    inside = (
        sums[np.ix_(bottom, right)]
        - sums[np.ix_(top, right)]
        - sums[np.ix_(bottom, left)]
        + sums[np.ix_(top, left)]
    )
    area = np.outer(bottom - top, right - left)
    return np.flatnonzero((inside >= share * area - 1e-9).ravel())


def draw_evenly(
    grid: TileGrid, tiles: NDArray[np.int64], most: int | None, seed: int
) -> NDArray[np.int64]:
    """Draw at most so many tiles, spread evenly over those given; more tiles hold the fewer.

    Along a Z-order curve (Morton 1966), on which tiles that follow each other are neighbours, every
    tile gets its turn by the reversed bits of its place (van der Corput's sequence): any first so
    many lie evenly along the curve. The seed shifts the sequence.

    Parameters
    ----------
    grid : TileGrid
    tiles : array of int
    most : int, optional
    seed : int

    Returns
    -------
    array of int
        Row by row.
    """
    if most is None or len(tiles) <= most:
        return tiles
    along = tiles[np.argsort(_interleave(tiles % grid.columns, tiles // grid.columns))]
    bits = int(len(along) - 1).bit_length()
    turn = np.random.default_rng(seed).integers(1 << bits) ^ _reverse(np.arange(1 << bits), bits)
    place = _spread(turn, bits, len(along))
    return np.sort(along[place[:most]])


def _spread(turn: NDArray[np.int64], bits: int, count: int) -> NDArray[np.int64]:
    """Map turns among a power of two to turns among fewer, each place once, in the same order."""
    places = turn * count >> bits
    _, first = np.unique(places, return_index=True)
    return np.asarray(places[np.sort(first)])


def _interleave(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    code = np.zeros_like(x)
    for bit in range(20):
        code |= ((x >> bit) & 1) << (2 * bit) | ((y >> bit) & 1) << (2 * bit + 1)
    return code


def _reverse(numbers: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    out = np.zeros_like(numbers)
    for bit in range(bits):
        out |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return out


def tiles_of_slide(slide: SlideReader, grid: TileGrid, tiling: Tiling) -> NDArray[np.int64]:
    """Return the numbers of the tiles that a tiling takes of a slide."""
    mask = tissue_mask(mask_overview(slide, grid.mpp), tiling.tissue)
    tiles = tissue_tiles(grid, mask, tiling.tissue.share)
    return draw_evenly(grid, tiles, tiling.most, tiling.seed)
