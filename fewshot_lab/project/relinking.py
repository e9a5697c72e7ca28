"""Images that moved as a whole: another drive letter, another server, another folder."""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded
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
    from fewshot_lab.images import (
        BOX_SUFFIX,
        is_clip_file,
        is_reference,
        load_boxes,
        load_clip,
        pixel_file,
    )
    from fewshot_lab.images.slides import relink_grid

    new = expanded(new).absolute()
    if not new.is_dir():
        raise FewshotLabError(f"There is no folder at {new}; check the path.")
    moves: dict[str, str] = {}
    references: dict[Path, Path] = {}
    missing, differing = [], []
    for source, size in project.store.sources().items():
        reference = project.folder / source if is_reference(Path(source)) else None
        rest = _below(old, source if reference is None else str(pixel_file(reference)))
        if rest is None:
            continue
        file = new / rest
        if not file.is_file():
            missing.append(str(file))
        elif file.stat().st_size != size:
            differing.append(str(file))
        elif reference is not None:
            references[reference] = file
        else:
            moves[source] = str(file)
    for reference, file in references.items():
        if is_clip_file(reference):
            replace(load_clip(reference), video=file).save()
        elif reference.suffix == BOX_SUFFIX:
            load_boxes(reference).relink(reference, file)
        else:
            relink_grid(reference, file)
    project.store.relink(moves)
    return Relinked(len(moves) + len(references), missing, differing)


def _below(folder: str, file: str) -> Path | None:
    """Return a file's path from a folder, both as they were written, on whichever system."""
    windows = "\\" in folder or re.match(r"[A-Za-z]:", folder) is not None
    kind: type[PurePath] = PureWindowsPath if windows else PurePosixPath
    top = kind(folder) if windows or kind(folder).is_absolute() else Path(folder).absolute()
    try:
        return Path(*kind(file).relative_to(top).parts)
    except ValueError:
        return None
