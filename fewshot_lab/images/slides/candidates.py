"""From a slide to the tiles that may be imported."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from fewshot_lab.images.candidates import Candidate
from fewshot_lab.images.slides.grid_files import save_grid
from fewshot_lab.images.slides.reader import open_slide
from fewshot_lab.images.slides.tile_grid import make_grid
from fewshot_lab.images.slides.tiling import Tiling

SLIDE_COLUMN = "slide"
"""The metadata column of tiles that names their slide: the group may be the patient."""


def tile_candidates(
    path: str,
    file: Path,
    tiling: Tiling,
    folder: Path,
    *,
    reference: str | None = None,
    group: str | None = None,
    meta: Mapping[str, str | float] | None = None,
) -> tuple[int, Iterator[Candidate]]:
    """Find the tiles that a tiling takes of a slide; their grid is written into a folder.

    Parameters
    ----------
    path : str
        Of the slide, as it is imported.
    file : Path
    tiling : Tiling
    folder : Path
        For the grid's file, which the tiles are read by.
    reference, group, meta
        As of other candidates; without a group the tiles of a slide are one.

    Returns
    -------
    count : int
    candidates : iterator of Candidate

    Raises
    ------
    UnreadableImage
    """
    from fewshot_lab.images.slides.tissue import tiles_of_slide

    slide = open_slide(file)
    grid = make_grid(slide, path, tiling)
    tiles = tiles_of_slide(slide, grid, tiling)
    kept = save_grid(grid, folder)
    about = {SLIDE_COLUMN: path, **(meta or {})}
    return len(tiles), (
        Candidate(grid.path_of(number), kept, number, reference, group or path, about)
        for number in tiles.tolist()
    )
