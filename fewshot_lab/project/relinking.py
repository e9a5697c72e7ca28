"""Images that moved as a whole: another drive letter, another server, another folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.base import ProjectFolder


@dataclass(frozen=True)
class Relinked:
    """What :func:`relink` did.

    Attributes
    ----------
    moved : int
        Files that are read from their new place.
    missing, differing : list of str
        Those that are not there, and those of another size, which may be other images: both stay
        as they were.
    """

    moved: int
    missing: list[str]
    differing: list[str]


def relink(project: ProjectFolder, old: str, new: Path) -> Relinked:
    """Read the files that were below one folder from another one.

    Parameters
    ----------
    old : str
        The folder as it was when the images were imported, perhaps on another system.
    new : Path
        Where its content lies now.

    Raises
    ------
    FewshotLabError
        Where there is no folder at ``new``.
    """
    from fewshot_lab.images import BOX_SUFFIX, is_tile_grid, load_boxes, pixel_file
    from fewshot_lab.images.slides import load_grid

    new = new.expanduser().absolute()
    if not new.is_dir():
        raise FewshotLabError(f"There is no folder at {new}; check the path.")
    moves: dict[str, str] = {}
    slides: dict[Path, Path] = {}
    missing, differing = [], []
    for source, size in project.store.sources().items():
        grid = project.folder / source if is_tile_grid(Path(source)) else None
        rest = _below(old, source if grid is None else str(pixel_file(grid)))
        if rest is None:
            continue
        file = new / rest
        if not file.is_file():
            missing.append(str(file))
        elif file.stat().st_size != size:
            differing.append(str(file))
        elif grid is not None:
            slides[grid] = file
        else:
            moves[source] = str(file)
    for grid, file in slides.items():
        regions = load_boxes(grid) if grid.suffix == BOX_SUFFIX else load_grid(grid)
        regions.relink(grid, file)
    project.store.relink(moves)
    return Relinked(len(moves) + len(slides), missing, differing)


def _below(folder: str, file: str) -> Path | None:
    """Return a file's path from a folder, both as they were written, on whichever system."""
    windows = "\\" in folder or re.match(r"[A-Za-z]:", folder) is not None
    kind: type[PurePath] = PureWindowsPath if windows else PurePosixPath
    top = kind(folder) if windows or kind(folder).is_absolute() else Path(folder).absolute()
    try:
        return Path(*kind(file).relative_to(top).parts)
    except ValueError:
        return None
