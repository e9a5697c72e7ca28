"""Where images may be imported from, on a machine whose users may not read everything it holds."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded
from fewshot_lab.home import MARKER, RUNS, home

VARIABLE = "FEWSHOT_LAB_IMPORT_ROOTS"


@dataclass(frozen=True)
class ImportRoots:
    """The folders that images may be imported from.

    Attributes
    ----------
    folders : tuple of Path
        Without links. None: whatever the user of the process may read.
    project : Path or None
        The folder of the project that is imported into: what was dropped lies there. Other
        projects' folders are never imported from, where roots are named.
    """

    folders: tuple[Path, ...] = ()
    project: Path | None = None

    def allow(self, path: Path) -> bool:
        """Say whether a file or folder lies in a root, wherever links lead."""
        if not self.folders:
            return True
        path = path.resolve()
        if self.project is not None and path.is_relative_to(self.project):
            return True
        return not _in_a_project(path) and any(path.is_relative_to(root) for root in self.folders)

    def check(self, path: Path) -> None:
        """Raise :class:`FewshotLabError` for a path outside."""
        if not self.allow(path):
            where = " or ".join(map(str, self.folders))
            raise FewshotLabError(f"{path} cannot be used here: choose something in {where}.")


def _in_a_project(path: Path) -> bool:
    projects = home().resolve()
    if not path.is_relative_to(projects):
        return False
    first = next(iter(path.relative_to(projects).parts), "")
    return first == RUNS or os.path.lexists(projects / first / MARKER)


def import_roots(project: Path | None = None) -> ImportRoots:
    """Return the roots that ``serve --import-root`` named.

    Parameters
    ----------
    project : Path, optional
        The folder of the project that is imported into.
    """
    named = [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    folders = tuple(path.resolve() for path in named)
    return ImportRoots(folders, project.resolve() if project is not None else None)


def set_import_roots(folders: Sequence[Path]) -> None:
    """Confine imports in this process, and in what it starts, to these folders.

    Raises
    ------
    FewshotLabError
        Where one is no folder that can be opened.
    """
    for folder in folders:
        if not expanded(folder).is_dir():
            raise FewshotLabError(f"{folder} is not a folder: images cannot be imported from it.")
    absolute = (str(expanded(folder).absolute()) for folder in folders)
    os.environ[VARIABLE] = os.pathsep.join(absolute)
