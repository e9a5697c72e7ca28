"""Tiles as references: a small file says how a slide is cut, a frame of it is one tile."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from fewshot_lab.files import write_atomically
from fewshot_lab.images.boxes import load_boxes
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import BOX_SUFFIX, GRID_SUFFIX, is_tile_grid
from fewshot_lab.images.reference_files import load_reference, reference_bytes, reference_name
from fewshot_lab.images.slides.tile_grid import TileGrid


def save_grid(grid: TileGrid, folder: Path) -> Path:
    """Write a grid into a folder, under a name that follows from it; return the file."""
    data = reference_bytes(grid, indent=1)
    file = folder / reference_name(grid.name, data, GRID_SUFFIX)
    if not file.exists():
        write_atomically(file, data)
    return file


def load_grid(file: Path) -> TileGrid:
    """Read a grid.

    Raises
    ------
    UnreadableImage
    """
    return load_reference(file, TileGrid, "how the slide is cut")


def relink_grid(file: Path, slide: Path) -> None:
    """Write into a grid's file that its slide lies elsewhere now."""
    moved = replace(load_grid(file), slide=str(slide))
    write_atomically(file, reference_bytes(moved, indent=1))


def read_tile(file: Path, number: int) -> Image.Image:
    """Return a tile of a grid's file as RGB.

    Raises
    ------
    UnreadableImage
    """
    return load_grid(file).read(number)


def pixel_file(file: Path) -> Path:
    """Return the file with an image's pixels: of a tile its slide, of a box its image."""
    if not is_tile_grid(file):
        return file
    try:
        if file.suffix == BOX_SUFFIX:
            return Path(load_boxes(file).image)
        return Path(load_grid(file).slide)
    except UnreadableImage:
        return file
