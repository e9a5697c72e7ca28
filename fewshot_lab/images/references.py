"""Files of a project that stand for others: grids of tiles for slides, descriptions for clips."""

from pathlib import Path

from fewshot_lab.images.clip_file import load_clip
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import is_clip_file, is_tile_grid
from fewshot_lab.images.slides import grid_files


def is_reference(file: Path) -> bool:
    """Say whether a file only says where the pixels of images lie, by its ending."""
    return is_tile_grid(file) or is_clip_file(file)


def pixel_file(file: Path) -> Path:
    """Return the file that holds an image's pixels: its slide or its clip; else the file itself."""
    if not is_clip_file(file):
        return grid_files.pixel_file(file)
    try:
        return load_clip(file).video
    except (UnreadableImage, OSError):
        return file
