"""What an import brings: told from what is known already, and stored a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.project.base import CLIPS
from fewshot_lab.project.import_report import ImportReport
from fewshot_lab.project.slides import GRIDS
from fewshot_lab.store import NewImage, Store

if TYPE_CHECKING:
    from fewshot_lab.images import Candidate, PassedOver, Refused
    from fewshot_lab.project.base import ProjectFolder

BATCH = 200
STATED = 2_000
"""Known images of which what came with them is held, until it is stored."""


class KnownSources:
    """The files that earlier imports took in.

    Attributes
    ----------
    unchanged : int
        How many of those skipped came again as they were.
    filled : int
        How many of them were given a reference, a group or metadata that they lacked.
    """

    def __init__(self, project: ProjectFolder) -> None:
        self._project = project
        self._sources = project.store.known_sources()
        self.unchanged = 0
        self.filled = 0
        self._stated: dict[tuple[str, int], tuple[str | None, str | None, dict[str, Any]]] = {}

    def skip(self, candidate: Candidate) -> bool:
        """Say whether a file needs no look: it has not changed since it was taken in."""
        from fewshot_lab.images import pixel_file

        source = self._project.stored(candidate.file), candidate.frame
        seen = self._sources.get(source)
        if seen is None:
            return False
        stat = pixel_file(candidate.file).stat()
        same = seen == (stat.st_size, stat.st_mtime_ns)
        self.unchanged += same
        if same and (candidate.reference or candidate.group or candidate.meta):
            stated = (candidate.reference, candidate.group, candidate.meta)
            self._stated[source] = stated
            if len(self._stated) >= STATED:
                self.fill_in()
        return same

    def fill_in(self) -> None:
        """Give known images what came with them now, as far as they lack it."""
        if self._stated:
            self.filled += self._project.store.fill_in(self._stated)
            self._stated.clear()


def new_files(project: ProjectFolder) -> Callable[[Candidate], Path | None]:
    """Return what says from which file a candidate will be read; None for one already taken in.

    A frame of a video that was imported is read by the project's description of it. A slide's grid
    has its name by what it says, wherever it lies now.
    """
    from fewshot_lab.images import clip_files, is_tile_grid

    known = project.store.known_sources()
    described = {clip.video: clip.file for clip in clip_files(project.folder / CLIPS)}

    def new_file(candidate: Candidate) -> Path | None:
        file = described.get(candidate.file, candidate.file)
        name = f"{GRIDS}/{file.name}" if is_tile_grid(file) else project.stored(file)
        return None if (name, candidate.frame) in known else file

    return new_file


class Arrivals:
    """Stores images, and files that are none, every second or every 200 images."""

    def __init__(self, store: Store, report: ImportReport) -> None:
        self._store = store
        self._report = report
        self._images: list[NewImage] = []
        self._refused: list[tuple[str, str]] = []
        self._stored = time.monotonic()

    def add(self, image: NewImage) -> None:
        """Take an image."""
        self._images.append(image)

    def refuse(self, file: Refused) -> None:
        """Take a file that cannot be read, with the reason."""
        self._refused.append((file.path, file.reason))

    def pass_over(self, frame: PassedOver) -> None:
        """Count a frame of a clip that shows nothing."""
        counts = self._report.passed_over
        counts[frame.reason] = counts.get(frame.reason, 0) + 1

    def store_in_time(self) -> None:
        """Store what has come, if that is much or a while ago."""
        if len(self._images) >= BATCH or time.monotonic() - self._stored > 1:
            self.store()

    def store(self) -> None:
        """Store what has come, and report it."""
        report = self._report
        if self._images:
            added = self._store.add_images(self._images)
            report.added += len(added.added)
            report.duplicates += added.duplicates
            report.known += added.unchanged
            report.conflicts += added.conflicts
            self._images.clear()
        if self._refused:
            self._store.add_refused(self._refused)
            report.refused += self._refused
            self._refused.clear()
        self._stored = time.monotonic()
