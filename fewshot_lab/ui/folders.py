"""What lies in a folder of the server, for choosing one by looking."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from fewshot_lab.images import has_picture_suffix, import_roots
from fewshot_lab.words import count

MOST_FOLDERS = 200
COUNTING_SECONDS = 0.4
"""For all folders of a list together: a network drive may be slow."""
CONTAINERS = (".zip", ".npz", ".csv", ".tsv")


@dataclass(frozen=True)
class FolderEntry:
    """A folder, or a file that holds images, in a list.

    Attributes
    ----------
    path : Path
    images : int
        Pictures in it and below, as far as they were counted.
    more : bool
        Whether there may be more.
    """

    path: Path
    images: int = 0
    more: bool = False

    @property
    def label(self) -> str:
        """Its name with the number of images: "scans · 1,200 images"."""
        if self.path.is_file():
            return self.path.name
        some = "+" if self.more else ""
        what = "image" if self.images == 1 and not self.more else "images"
        return f"{self.path.name} · {count(self.images)}{some} {what}"


def starting_folders() -> list[Path]:
    """Return where looking begins: the roots, else the user's home and the drives there are."""
    if roots := import_roots().folders:
        return [root for root in roots if root.is_dir()]
    drives = (
        [Path(f"{letter}:\\") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"] if os.name == "nt" else []
    )
    mounts = [Path("/Volumes"), Path("/mnt"), Path("/media")]
    return [folder for folder in (Path.home(), *drives, *mounts) if _holds_something(folder)]


def _holds_something(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(folder.iterdir())
    except OSError:
        return False


def breadcrumb(folder: Path) -> list[Path]:
    """Return the folders from the root that a folder lies in down to itself."""
    start = next((s for s in starting_folders() if folder.is_relative_to(s)), None)
    up = [folder, *folder.parents]
    return up[::-1] if start is None else [each for each in up[::-1] if each.is_relative_to(start)]


def entries(folder: Path) -> tuple[list[FolderEntry], bool]:
    """Return the folders in a folder and the files there that hold images; and if there are more.

    Hidden ones are left out, and links that lead outside the roots.

    Raises
    ------
    OSError
        Where the folder cannot be opened.
    """
    roots = import_roots()
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith((".", "$", "__"))]
    shown.sort(key=lambda entry: entry.name.casefold())
    folders = [Path(e.path) for e in shown if e.is_dir() and roots.allow(Path(e.path))]
    files = [Path(e.path) for e in shown if e.is_file() and e.name.lower().endswith(CONTAINERS)]
    until = time.monotonic() + COUNTING_SECONDS
    listed = [FolderEntry(path, *count_pictures(path, until)) for path in folders[:MOST_FOLDERS]]
    listed += [FolderEntry(path) for path in files[: MOST_FOLDERS - len(listed)]]
    return listed, len(folders) + len(files) > len(listed)


def count_pictures(folder: Path, until: float) -> tuple[int, bool]:
    """Return how many pictures lie in a folder and below by their names, and if there may be more.

    Parameters
    ----------
    folder : Path
    until : float
        When to stop counting, by ``time.monotonic``.
    """
    images = 0
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images += sum(has_picture_suffix(name) for name in names)
        if time.monotonic() > until:
            return images, bool(folders)
    return images, False
