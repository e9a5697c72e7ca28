"""Probabilities over a slide as a pyramidal OME-TIFF, one channel per class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewshot_lab.whole_files import writing_beside

MOST_SAMPLES = 24_000_000
"""Of the finest level, over all channels: 96 MB while it is written."""
FINENESS = (8, 4, 2, 1)
"""Pixels along a tile's step, the finest that stays within bounds."""
PIECE = 256
COVERAGE = "Tiles"


def write_heat_map(
    file: Path,
    boxes: np.ndarray,
    probabilities: np.ndarray,
    size: tuple[int, int],
    mpp: float | None,
    channels: Sequence[tuple[str, str]],
    description: str = "",
) -> tuple[int, int]:
    """Write the probabilities of tiles as float32, 0 to 1, over the whole extent of their slide.

    Where tiles overlap a pixel is their mean. The last channel, "Tiles", is 1 where there is a
    tile: elsewhere a probability of 0 says nothing.

    Parameters
    ----------
    file : Path
    boxes : array (n, 4)
        Left, top, right, bottom of each tile in pixels of the slide.
    probabilities : array (n, K)
    size : (int, int)
        Width and height of the slide in pixels.
    mpp : float or None
        Micrometres per pixel of the slide; without it the file has no physical size.
    channels : sequence of (str, str)
        Name and colour ("#rrggbb") of each class.
    description : str
        Of the picture.

    Returns
    -------
    (int, int)
        Width and height of the finest level.
    """
    import tifffile

    pixel = pixel_side(boxes, size, len(channels) + 1)
    width, height = (int(-(-side // pixel)) for side in size)
    values = painted(boxes / pixel, probabilities, width, height)
    levels = [values]
    while max(levels[-1].shape[1:]) > PIECE:
        levels.append(halved(levels[-1]))
    metadata: dict[str, object] = {
        "axes": "CYX",
        "Description": description,
        "Channel": {
            "Name": [*(name for name, _ in channels), COVERAGE],
            "Color": [*(_signed(colour) for _, colour in channels), -1],
        },
    }
    if mpp is not None:
        physical = {"PhysicalSizeX": mpp * pixel, "PhysicalSizeY": mpp * pixel}
        metadata |= physical | {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    large = values.nbytes > 2**31
    with (
        writing_beside(file) as beside,
        tifffile.TiffWriter(beside, ome=True, bigtiff=large) as tiff,
    ):
        for number, level in enumerate(levels):
            tiff.write(
                level,
                photometric="minisblack",
                tile=(PIECE, PIECE),
                compression="zlib",
                subfiletype=int(number > 0),
                subifds=len(levels) - 1 if number == 0 else None,
                metadata=metadata if number == 0 else None,
            )
    return width, height


def pixel_side(boxes: np.ndarray, size: tuple[int, int], channels: int) -> float:
    """Return how many of the slide's pixels lie along one of the map's."""
    step = min(_step(boxes[:, axis], boxes[:, axis + 2]) for axis in (0, 1))
    for parts in FINENESS:
        pixel = max(1.0, step / parts)
        if size[0] * size[1] / pixel**2 * channels <= MOST_SAMPLES:
            return pixel
    return float(np.sqrt(size[0] * size[1] * channels / MOST_SAMPLES))


def _step(low: np.ndarray, high: np.ndarray) -> float:
    """Return the least distance of neighbouring tiles along one side, at most a tile's side."""
    side = float((high - low).min())
    steps = np.diff(np.unique(low))
    near = steps[steps >= side / 10]
    return min(side, float(near.min(initial=side)))


def painted(boxes: np.ndarray, probabilities: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the map (K + 1, height, width): mean probability of the tiles over each pixel."""
    K = probabilities.shape[1]
    sums = np.zeros((K + 1, height, width), np.float32)
    for (x0, y0, x1, y1), p in zip(
        np.round(boxes).astype(int).tolist(), probabilities, strict=True
    ):
        place = sums[:, max(y0, 0) : max(y1, y0 + 1), max(x0, 0) : max(x1, x0 + 1)]
        place[:K] += p[:, None, None]
        place[K] += 1
    counted = sums[K].copy()
    sums[:K] /= np.maximum(counted, 1)
    sums[K] = counted > 0
    return sums


def halved(level: np.ndarray) -> np.ndarray:
    """Return the next level of the pyramid: means of what tiles cover, so no edge fades."""
    K = len(level) - 1
    _, height, width = level.shape
    padded = np.pad(level, ((0, 0), (0, height % 2), (0, width % 2)))
    blocks = padded.reshape(K + 1, padded.shape[1] // 2, 2, padded.shape[2] // 2, 2)
    weight = blocks[K:]
    summed = (blocks * weight).sum(axis=(2, 4))
    covered = weight.sum(axis=(2, 4))
    out = summed / np.maximum(covered, 1e-6)
    out[K] = covered[0] / 4
    return np.asarray(out, np.float32)


def _signed(colour: str) -> int:
    """Return "#rrggbb" as OME writes it: red, green, blue, alpha as one signed number of 32 bit."""
    value = int(colour.lstrip("#"), 16) << 8 | 0xFF
    return value - 2**32 if value >= 2**31 else value
