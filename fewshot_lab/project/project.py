"""``Project``: all layers together, and how one is made, found and listed."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError, NoProject, Stopped
from fewshot_lab.files import write_atomically
from fewshot_lab.home import MARKER
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.import_report import ImportReport
from fewshot_lab.project.importing import import_images
from fewshot_lab.project.places import database, existing, folder_of, folders, is_closed
from fewshot_lab.project.studies import Studies
from fewshot_lab.project.training import ProjectCore
from fewshot_lab.store import Store

if TYPE_CHECKING:
    from fewshot_lab.images import ClipSettings, ManifestColumns, SliceStep, Tiling
    from fewshot_lab.project.audit_set import AuditSet
    from fewshot_lab.project.team import ProjectTeam


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectInfo:
    """What the list of projects shows of one."""

    name: str
    title: str
    folder: Path
    images: int
    labelled: int
    last_used: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class DamagedProject:
    """A project that does not open, and why."""

    name: str
    folder: Path
    reason: str


class Project(ProjectCore):
    """Images, labels and everything derived from them, in one folder.

    Use :meth:`create` and :meth:`open`, not the constructor; as a context manager it lets go of
    its database at the end.
    """

    @cached_property
    def audit(self) -> AuditSet:
        """The images drawn at random, to measure and never to train."""
        from fewshot_lab.project.audit_set import AuditSet

        return AuditSet(self)

    @cached_property
    def team(self) -> ProjectTeam:
        """Several annotators: who labels what, and how far they agree."""
        from fewshot_lab.project.team import ProjectTeam

        return ProjectTeam(self)

    @cached_property
    def studies(self) -> Studies:
        """Few-shot curve, replay, comparison of backbones, advice, worth of probabilities."""
        return Studies(self)

    def import_images(
        self,
        source: Path | str | Sequence[Path],
        *,
        reference_labels: str | None = None,
        columns: ManifestColumns | None = None,
        group_field: str | None = None,
        copy: bool = False,
        slice_step: SliceStep | None = None,
        tiling: Tiling | None = None,
        clips: ClipSettings | None = None,
        progress: Progress = silent,
    ) -> ImportReport:
        """Bring in images; see :func:`fewshot_lab.project.importing.import_images`."""
        return import_images(
            self,
            source,
            reference_labels=reference_labels,
            columns=columns,
            group_field=group_field,
            copy=copy,
            slice_step=slice_step,
            tiling=tiling,
            clips=clips,
            progress=progress,
        )

    @classmethod
    def create(
        cls,
        name: str,
        *,
        home: Path | str | None = None,
        images: Path | str | None = None,
        backbone: str | None = None,
    ) -> Project:
        """Make an empty project, or one with the images of a folder.

        Raises
        ------
        FewshotLabError
            For a name that cannot be a folder's or is taken, an unknown backbone, or images that
            cannot be found; no project is left behind.
        """
        folder = folder_of(name, home)
        if backbone is not None:
            from fewshot_lab.backbones import find

            find(backbone)
        if (folder / MARKER).exists():
            raise FewshotLabError(f"There is already a project named {name!r}.")
        if folder.exists() and any(folder.iterdir()):
            raise FewshotLabError(f"{folder} exists and is not empty: choose another name.")
        if backbone is not None:
            from fewshot_lab.backbones import find

            find(backbone)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FewshotLabError(f"{folder} cannot be made: {error.strerror}.") from None
        store = None
        try:
            project_id = uuid4().hex
            store = Store.open(*database(folder, project_id), create=True)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            store.set("created", created)
            if backbone is not None:
                store.set("backbone", backbone)
            marker = json.dumps({"name": name, "id": project_id, "created": created}, indent=1)
            write_atomically(folder / MARKER, marker.encode())
        except BaseException:
            # Half a project would keep its name from being used.
            if store is not None:
                with suppress(FewshotLabError):
                    store.drop()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        project = cls(folder, store)
        if images is not None:
            try:
                project.import_images(Path(images))
            except Stopped:
                raise
            except FewshotLabError:  # nothing came in: the name is free again
                project.delete()
                raise
        return project

    @classmethod
    def open(cls, name: str | Path, *, home: Path | str | None = None) -> Project:
        """Open a project by name, or by the path of its folder.

        Raises
        ------
        FewshotLabError
            Where there is none; the projects that exist are named.
        """
        as_path = Path(name)
        folder = as_path if as_path.is_absolute() else existing(str(name), home)
        if not (folder / MARKER).exists():
            names = [p.name for p in folders(home)]
            known = f" There are: {', '.join(names[:10])}." if names else " There are none yet."
            raise NoProject(f"There is no project named {str(name)!r}.{known}")
        return cls(folder, Store.open(*database(folder)))

    @classmethod
    def list(cls, home: Path | str | None = None) -> list[ProjectInfo]:
        """Return every project that opens, the last used first."""
        return [*cls.survey(home)[0]]

    @classmethod
    def survey(
        cls, home: Path | str | None = None
    ) -> tuple[Sequence[ProjectInfo], Sequence[DamagedProject]]:
        """Return every project that opens, the last used first, and those that do not."""
        infos, damaged = [], []
        for folder in folders(home, damaged=True):
            try:
                if is_closed(folder):
                    raise FewshotLabError("Its folder may not be looked into: permission denied.")
                if not (folder / MARKER).exists():
                    raise FewshotLabError(
                        f"Its {MARKER} is missing: put an empty file of that name into its folder, "
                        "then it opens."
                    )
                with cls.open(folder) as project:
                    infos.append(project.info())
            except FewshotLabError as error:
                damaged.append(DamagedProject(folder.name, folder, str(error)))
            except OSError as error:
                reason = f"It cannot be read: {error.strerror or error}."
                damaged.append(DamagedProject(folder.name, folder, reason))
            except Exception:  # a damaged file can be wrong in any way
                _log.exception("%s cannot be opened", folder)
                reason = "Its database is damaged: restore it from a backup."
                damaged.append(DamagedProject(folder.name, folder, reason))
        return sorted(infos, key=lambda info: -info.last_used), damaged

    def info(self) -> ProjectInfo:
        """Return what the list of projects shows of this one."""
        ids = self.store.ids()
        step = max(1, len(ids) // 4)
        touched = self.store.get("last_used") or (self.folder / MARKER).stat().st_mtime
        return ProjectInfo(
            name=self.name,
            title=self.title,
            folder=self.folder,
            images=len(ids),
            labelled=sum(label.kind == "class" for label in self.store.labels().values()),
            last_used=float(touched),
            examples=tuple(ids[::step][:4]),
        )
