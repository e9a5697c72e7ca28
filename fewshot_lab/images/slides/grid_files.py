"""Tiles as references: a small file says how a slide is cut, a frame of it is one tile."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fewshot_lab.files import write_atomically
from fewshot_lab.images.boxes import load_boxes
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import BOX_SUFFIX, GRID_SUFFIX, is_tile_grid
from fewshot_lab.images.reference_files import load_reference, reference_bytes, reference_name
from fewshot_lab.images.slides.tile_grid import TileGrid
from fewshot_lab.images.slides.tiling import TissueRule


def save_grid(grid: TileGrid, folder: Path) -> Path:
    """Write a grid into a folder, under a name that follows from it; return the file.

    What counts as tissue is not in the name: a tile is the same whichever rule took it.
    """
    identity = reference_bytes(grid, indent=1, without=("tissue",))
    file = folder / reference_name(grid.name, identity, GRID_SUFFIX)
    kept = load_grid(file) if file.exists() else grid  # perhaps its slide lies elsewhere now
    if kept is grid or kept.tissue != grid.tissue:
        write_atomically(file, reference_bytes(replace(kept, tissue=grid.tissue), indent=1))
    return file


def load_grid(file: Path) -> TileGrid:
    """Read a grid.

    Raises
    ------
    UnreadableImage
    """
    return load_reference(file, _grid, "how the slide is cut")


def _grid(tissue: dict[str, float] | None = None, **values: Any) -> TileGrid:
    return TileGrid(**values, tissue=None if tissue is None else TissueRule(**tissue))


def relink_grid(file: Path, slide: Path) -> None:
    """Write into a grid's file that its slide lies elsewhere now."""
    moved = replace(load_grid(file), slide=str(slide))
    write_atomically(file, reference_bytes(moved, indent=1))


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
