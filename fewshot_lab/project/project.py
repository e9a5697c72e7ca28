"""``Project``: all layers together, and how one is made, found and listed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError, NoProject, Stopped, as_sentence
from fewshot_lab.files import write_json
from fewshot_lab.home import MARKER
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.base import CLIPS
from fewshot_lab.project.codes import Codes
from fewshot_lab.project.import_report import ImportReport
from fewshot_lab.project.importing import import_candidates, remove_originals
from fewshot_lab.project.places import database, existing, folder_of, folders, is_closed
from fewshot_lab.project.quota import check_quota
from fewshot_lab.project.slides import GRIDS
from fewshot_lab.project.studies import Studies
from fewshot_lab.project.training import ProjectCore
from fewshot_lab.store import Store
from fewshot_lab.words import shortened

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

    Use :meth:`create` and :meth:`open`, not the constructor. As a context manager it closes its
    database at the end.
    """

    @cached_property
    def audit(self) -> AuditSet:
        """Images drawn at random to measure accuracy; they never train."""
        from fewshot_lab.project.audit_set import AuditSet

        return AuditSet(self)

    @cached_property
    def team(self) -> ProjectTeam:
        """Several annotators: who labels what, and how well they agree."""
        from fewshot_lab.project.team import ProjectTeam

        return ProjectTeam(self)

    @cached_property
    def studies(self) -> Studies:
        """Few-shot curve, replay, comparison of backbones, advice, quality of probabilities."""
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
        """Import images; a repeated call with the same source adds only what is new.

        Parameters
        ----------
        source : path or list of paths
            A folder, a ZIP, a CSV manifest, a MedMNIST ``.npz``, an image, or a list of images.
        reference_labels : {"folders"} or None
            Use each file's folder name as its reference label.
        columns : ManifestColumns, optional
            Which column of a manifest is what; guessed by default.
        group_field : {"PatientID", "StudyInstanceUID", "SeriesInstanceUID"}, optional
            The DICOM field of the group; slices of one series belong together in any case. Only
            a code of its value is stored (:class:`fewshot_lab.project.codes.Codes`).
        copy : bool
            Keep copies in the project. DICOM is copied as PNG, without its header; so are the
            DICOM files of a ZIP. What was dropped into the browser is copied in any case.
        slice_step : SliceStep, optional
            Distance between the imported slices of a volume; all by default.
        tiling : Tiling, optional
            How whole slides are cut into tiles.
        clips : ClipSettings, optional
            Which frames of videos are imported, and which boxes in them are black.

        Raises
        ------
        FewshotLabError
            The source does not exist, holds no image, or does not fit the project's quota.
        Stopped
            ``progress`` raised it; what was imported until then stays.
        """
        from fewshot_lab.images import SliceStep, Tiling, VolumeRules, import_roots, scan

        sources = [Path(source)] if isinstance(source, (Path, str)) else [*source]
        look = partial(
            scan,
            columns=columns,
            roots=import_roots(self.folder),
            volumes=VolumeRules(slice_step or SliceStep(), Codes(self.store).of),
            tiling=tiling or Tiling(),
            grids=self.folder / GRIDS,
            clips=clips,
        )
        try:
            check_quota(self, sources, look, copy=copy)
            candidates = look(
                sources if len(sources) > 1 else sources[0],
                reference_labels=reference_labels,
                group_field=group_field,
                extract_to=self.folder / "images",
                clip_folder=self.folder / CLIPS,
                progress=progress,
            )
        except Stopped:
            raise
        except FewshotLabError:  # it will be no better another time
            remove_originals(self, sources)
            raise
        group = group_field or (columns.group if columns is not None else None)
        report = import_candidates(
            self, candidates, copy=copy, source=str(source), group=group, progress=progress
        )
        remove_originals(self, sources)
        return report

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

        Parameters
        ----------
        name : str
            Name of the project and of its folder.
        home : path, optional
            The folder that holds the projects; ``FEWSHOT_LAB_HOME`` or ``data/projects``.
        images : path, optional
            What to import: see :meth:`import_images`.
        backbone : str, optional
            A name of :func:`fewshot_lab.backbones.find`; the default backbone if None.

        Raises
        ------
        FewshotLabError
            The name is taken or not allowed for a folder, the backbone is unknown, or the images
            cannot be found. No project is left behind.
        """
        folder = folder_of(name, home)
        if backbone is not None:
            from fewshot_lab.backbones import find

            find(backbone)
        if (folder / MARKER).exists():
            raise FewshotLabError(f"There is already a project named {name!r}.")
        if folder.exists() and any(folder.iterdir()):
            raise FewshotLabError(f"{folder} exists and is not empty: choose another name.")
        with as_sentence(f"{folder} cannot be made"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = None
        try:
            project_id = uuid4().hex
            store = Store.open(*database(folder, project_id), create=True)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            store.set("created", created)
            if backbone is not None:
                store.set("backbone", backbone)
            marker = {"name": name, "id": project_id, "created": created}
            write_json(folder / MARKER, marker)
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
            There is no such project; the message names those that exist.
        """
        as_path = Path(name)
        folder = as_path if as_path.is_absolute() else existing(str(name), home)
        if folder is None or not (folder / MARKER).exists():
            names = [p.name for p in folders(home)]
            known = f" There are: {', '.join(names[:10])}." if names else " There are none yet."
            raise NoProject(f"There is no project named {shortened(str(name), 64)!r}.{known}")
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
                    raise FewshotLabError("Its folder cannot be read: permission denied.")
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
