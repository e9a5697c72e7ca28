"""Slides that tests make themselves."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return glass with a textured, coloured disc of tissue on its left half."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    glass = np.full((height, width, 3), 245, np.uint8)
    coarse = rng.integers((130, 50, 110), (230, 130, 210), (-(-height // 32), -(-width // 32), 3))
    fine = rng.integers(-10, 10, (height, width, 3))
    tissue = (coarse.repeat(32, 0).repeat(32, 1)[:height, :width] + fine).astype(np.uint8)
    inside = (x - width / 4) ** 2 + (y - height / 2) ** 2 < (0.22 * width) ** 2
    return np.where(inside[..., None], tissue, glass)


def levels_of(pixels: np.ndarray, count: int = 3) -> list[np.ndarray]:
    """Return a pyramid, each level a quarter of the one before."""
    levels = [pixels]
    for _ in range(count - 1):
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(4)))
    return levels


def write_pyramid(
    file: Path, pixels: np.ndarray, *, mpp: float | None = 0.5, ome: bool = False, levels: int = 3
) -> Path:
    """Write a TIFF in tiles with its levels: as further pages, or as SubIFDs of an OME-TIFF."""
    import tifffile

    first, *others = levels_of(pixels, levels)
    how = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}
    if mpp is not None:
        how |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    about = {"axes": "YXS", "PhysicalSizeX": mpp, "PhysicalSizeXUnit": "µm"} if ome else None
    with tifffile.TiffWriter(file, ome=ome) as tiff:
        tiff.write(first, metadata=about, **(how | ({"subifds": len(others)} if ome else {})))
        for level in others:
            tiff.write(level, subfiletype=1, metadata=None, **(how | {"resolution": None}))
    return file
