"""``Project``: the one object that a script, the terminal or a page holds.

Its verbs are thin: each gathers what a room needs from the store, calls the room and returns
what it said.
"""

from __future__ import annotations

import builtins
import csv
import hashlib
import io
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fewshot_lab import home as _home
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress, silent
from fewshot_lab.store import ClassRow, LabelAction, NewImage, Store

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from fewshot_lab.audit import AuditSet
    from fewshot_lab.backbones import Backbone
    from fewshot_lab.classifiers import Fitted, Pool, SoftLabels
    from fewshot_lab.embeddings import Embeddings, EmbedReport, Index, Map
    from fewshot_lab.evaluation import Advice, Protocol, ReplayPlan, Settings
    from fewshot_lab.export import BundleReport
    from fewshot_lab.images import ManifestColumns
    from fewshot_lab.people import PeopleReport, ProjectLots
    from fewshot_lab.runs import Run
    from fewshot_lab.splits import Splits
    from fewshot_lab.store import Team

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
MARKER = "project.json"
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


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


@dataclass
class ImportReport:
    """What an import did.

    Attributes
    ----------
    added : int
        Pictures that the project did not have.
    duplicates : list of (path, id)
        Files with the same pixels as a picture that was there first.
    known : int
        Files that an earlier import had taken in, unchanged since.
    refused : list of (path, reason)
        Files that could not be read.
    conflicts : list of (path, id)
        Duplicates whose reference label contradicts the first file's; the first stands.
    filled : int
        Known images that were given the reference label or the group that they lacked.
    seconds : float
    """

    added: int = 0
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    filled: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingSet:
    """The labelled images a classifier may learn from.

    Never audit images, unsure or rejected ones, nor predictions that were accepted in bulk.

    Attributes
    ----------
    ids : list of str
    X : array (n, d), float32
    y : array (n,) of class ids
    groups : array (n,) of str or None
        None where no image has a group; an image without one is a group of its own.
    soft : SoftLabels or None
        Further opinions that train, by the rule "soft".
    """

    ids: list[str]
    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    soft: SoftLabels | None = None


@dataclass(frozen=True)
class ProjectClassifier:
    """A fitted classifier with the project it belongs to."""

    project: Project
    fitted: Fitted
    training: TrainingSet

    @property
    def sentence(self) -> str:
        """What was chosen, and by how much."""
        return self.fitted.sentence

    def probabilities(self, ids: Sequence[str] | None = None) -> np.ndarray:
        """Return calibrated probabilities (n, K) of embedded images, classes as ``class_ids``."""
        import numpy as np

        matrix = self.project.require_embeddings().matrix(ids)
        return self.fitted.probabilities(matrix.astype(np.float32))

    def export(
        self, folder: Path | str, *, as_zip: bool = False, progress: Progress = silent
    ) -> BundleReport:
        """Write the bundle; see :func:`fewshot_lab.export.export_bundle`."""
        from fewshot_lab.export import export_bundle

        return export_bundle(
            self.project, Path(folder), classifier=self, zip=as_zip, progress=progress
        )


class Project:
    """Images, labels and everything derived from them, in one folder.

    Use :meth:`create` and :meth:`open`, not the constructor.
    """

    def __init__(self, folder: Path, store: Store):
        self.folder = folder
        self.store = store
        self._lock = RLock()
        self._embeddings: tuple[str, Embeddings] | None = None
        self._index: tuple[Any, Index] | None = None
        self._map: tuple[Any, Map] | None = None
        self._pool: tuple[Any, Pool] | None = None
        self._through: str | None = None

    # -- finding one -------------------------------------------------------------------------

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
            For a name that cannot be a folder's, or one that is taken.
        """
        folder = _folder(name, home)
        if (folder / MARKER).exists():
            raise FewshotLabError(f"There is already a project named {name!r}.")
        if folder.exists() and any(folder.iterdir()):
            raise FewshotLabError(f"{folder} exists and is not empty: choose another name.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FewshotLabError(f"{folder} cannot be made: {error.strerror}.") from None
        store = Store.open(*_database(folder), create=True)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        store.set("title", name)
        store.set("created", created)
        if backbone is not None:
            from fewshot_lab.backbones import find

            find(backbone)
            store.set("backbone", backbone)
        marker = json.dumps({"name": name, "created": created}, indent=1)
        write_atomically(folder / MARKER, marker.encode())
        project = cls(folder, store)
        if images is not None:
            project.import_images(Path(images))
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
        folder = as_path if as_path.is_absolute() else _folder(str(name), home)
        if not (folder / MARKER).exists():
            there = [p.name for p in _folders(home)]
            known = f" There are: {', '.join(there[:10])}." if there else " There are none yet."
            raise FewshotLabError(f"There is no project named {str(name)!r}.{known}")
        return cls(folder, Store.open(*_database(folder)))

    @classmethod
    def list(cls, home: Path | str | None = None) -> list[ProjectInfo]:
        """Return every project, the last used first."""
        infos = []
        for folder in _folders(home):
            try:
                project = cls.open(folder)
            except FewshotLabError:
                continue
            infos.append(project.info())
            project.close()
        return sorted(infos, key=lambda info: -info.last_used)

    def info(self) -> ProjectInfo:
        """Return what the list of projects shows of this one."""
        ids = self.store.ids()
        step = max(1, len(ids) // 4)
        touched = self.store.get("last_used") or (self.folder / MARKER).stat().st_mtime
        return ProjectInfo(
            name=self.name,
            title=str(self.store.get("title") or self.name),
            folder=self.folder,
            images=len(ids),
            labelled=sum(label.kind == "class" for label in self.store.labels().values()),
            last_used=float(touched),
            examples=tuple(ids[::step][:4]),
        )

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def touch(self) -> None:
        """Note that somebody uses the project now."""
        self.store.set("last_used", time.time())

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def delete(self) -> None:
        """Delete the project with its labels; images that were referenced in place stay."""
        self.store.drop()
        self.store.close()
        shutil.rmtree(self.folder)

    # -- images --------------------------------------------------------------------------------

    def import_images(
        self,
        source: Path | str | Sequence[Path],
        *,
        reference_labels: str | None = None,
        columns: ManifestColumns | None = None,
        group_field: str | None = None,
        copy: bool = False,
        progress: Progress = silent,
    ) -> ImportReport:
        """Bring in images; again with the same source, only what is new.

        Parameters
        ----------
        source : path or list of paths
            A folder, a ZIP, a CSV manifest, a MedMNIST ``.npz``, an image, or a list of images.
        reference_labels : "folders" or None
            Take each file's folder name as its reference label.
        columns : ManifestColumns, optional
            For a manifest: which column is what; guessed where it is not given.
        group_field : "PatientID" or "StudyInstanceUID", optional
            The DICOM field that says which images belong together.
        copy : bool
            Keep a copy in the project. DICOM files are kept as PNG, without their header.

        Raises
        ------
        FewshotLabError
            Where the source does not exist or holds no image.
        Stopped
            Where ``progress`` raised it; what was read until then stays.
        """
        from fewshot_lab.images import Found, Refused, examine, scan

        began = time.monotonic()
        report = ImportReport()
        known = self.store.known_sources()
        unchanged = 0
        said: dict[tuple[str, int], tuple[str | None, str | None]] = {}

        def skip(candidate: Any) -> bool:
            nonlocal unchanged
            seen = known.get((str(candidate.file), candidate.frame))
            if seen is None:
                return False
            stat = candidate.file.stat()
            same = seen == (stat.st_size, stat.st_mtime_ns)
            unchanged += same
            if same and (candidate.reference or candidate.group):
                said[str(candidate.file), candidate.frame] = (candidate.reference, candidate.group)
            return same

        batch: list[NewImage] = []
        refused: list[tuple[str, str]] = []
        flushed = time.monotonic()

        def flush() -> None:
            nonlocal flushed
            if batch:
                added = self.store.add_images(batch)
                report.added += len(added.added)
                report.duplicates += added.duplicates
                report.known += added.known
                report.conflicts += added.conflicts
                batch.clear()
            if refused:
                self.store.add_refused(refused)
                report.refused += refused
                refused.clear()
            flushed = time.monotonic()

        candidates = scan(
            source if isinstance(source, (Path, str)) else list(source),
            reference_labels=reference_labels,
            columns=columns,
            group_field=group_field,
            extract_to=self.folder / "images",
        )
        try:
            for item in examine(candidates, skip=skip, progress=progress):
                if isinstance(item, Refused):
                    refused.append((item.path, item.reason))
                elif isinstance(item, Found):
                    batch.append(self._take_in(item, copy=copy))
                if len(batch) >= 200 or time.monotonic() - flushed > 1:
                    flush()
        finally:
            flush()
        report.known += unchanged
        report.filled = self.store.fill_in(said) if said else 0
        self.splits.imported(group_field or (columns.group if columns is not None else None))
        report.seconds = time.monotonic() - began
        if not (report.added or report.known or report.duplicates or report.refused):
            raise FewshotLabError(f"No image was found in {source}.")
        return report

    def _take_in(self, found: Any, *, copy: bool) -> NewImage:
        """Store the thumbnail, and the copy if one is wanted; return the row to add."""
        candidate = found.candidate
        thumbnail = self.thumbnail_path(found.id)
        if not thumbnail.exists():
            write_atomically(thumbnail, found.thumbnail)
        file, frame = str(candidate.file), candidate.frame
        if copy and not candidate.file.is_relative_to(self.folder):
            file, frame = self._keep_copy(found.id, candidate.file, candidate.frame)
        return NewImage(
            id=found.id,
            path=candidate.path,
            file=file,
            frame=frame,
            width=found.width,
            height=found.height,
            bytes=found.bytes,
            mtime_ns=found.mtime_ns,
            reference=candidate.reference,
            group=candidate.group,
            meta=dict(candidate.meta),
            source=str(candidate.file),
            source_frame=candidate.frame,
        )

    def _keep_copy(self, image_id: str, file: Path, frame: int) -> tuple[str, int]:
        from fewshot_lab.images import count_frames, read_rgb

        plain = file.suffix.lower() in PICTURE_SUFFIXES and count_frames(file) == 1
        suffix = file.suffix.lower() if plain else ".png"
        kept = Path("images") / "copies" / image_id[:2] / f"{image_id}{suffix}"
        target = self.folder / kept
        if not target.exists():
            if plain:
                write_atomically(target, file.read_bytes())
            else:
                import io

                buffer = io.BytesIO()
                read_rgb(file, frame).save(buffer, "PNG")
                write_atomically(target, buffer.getvalue())
        return str(kept), 0

    def thumbnail_path(self, image_id: str) -> Path:
        """Return where the thumbnail of an image lies."""
        return self.folder / "thumbs" / image_id[:2] / f"{image_id}.webp"

    def thumbnail(self, image_id: str) -> bytes:
        """Return the thumbnail (WebP); it is made again where it was deleted."""
        path = self.thumbnail_path(image_id)
        if not path.exists():
            from fewshot_lab.images import make_thumbnail

            write_atomically(path, make_thumbnail(self.picture(image_id)))
        return path.read_bytes()

    def file_of(self, image_id: str) -> tuple[Path, int]:
        """Return the file and the frame from which an image is read."""
        row = self.store.image(image_id)
        file = Path(row.file)
        return (file if file.is_absolute() else self.folder / file), row.frame

    def picture(self, image_id: str, max_side: int | None = None) -> Image:
        """Return an image as RGB, shrunk to ``max_side`` pixels where it is larger.

        Raises
        ------
        UnreadableImage
            Where its file has gone or can no longer be read.
        """
        from fewshot_lab.images import read_rgb

        file, frame = self.file_of(image_id)
        image = read_rgb(file, frame, at_least=max_side)
        if max_side is not None and max(image.size) > max_side:
            image.thumbnail((max_side, max_side))
        return image

    # -- backbone, embeddings, index, map ----------------------------------------------------

    @property
    def backbone_name(self) -> str:
        """The name of the backbone in use."""
        from fewshot_lab.backbones import default_name

        return str(self._through or self.store.get("backbone") or default_name())

    @property
    def backbone(self) -> Backbone:
        """The backbone in use."""
        from fewshot_lab.backbones import find

        return find(self.backbone_name)

    @property
    def embedding_folder(self) -> Path:
        """Where the embeddings by the backbone in use lie."""
        return self.folder / "embeddings" / self.backbone.fingerprint

    @property
    def embeddings(self) -> Embeddings | None:
        """The embeddings made so far by the backbone in use; None where there are none."""
        from fewshot_lab.embeddings import open_embeddings

        folder = self.embedding_folder
        with self._lock:
            if self._embeddings and self._embeddings[0] == folder.name:
                self._embeddings[1].reload()
                return self._embeddings[1]
            if not folder.exists():
                return None
            embeddings = open_embeddings(folder)
            if not len(embeddings.ids):
                return None
            self._embeddings = (folder.name, embeddings)
            return embeddings

    def require_embeddings(self) -> Embeddings:
        """Return the embeddings.

        Raises
        ------
        FewshotLabError
            Where nothing has been embedded yet.
        """
        if (embeddings := self.embeddings) is None:
            raise FewshotLabError(
                f"{self.name!r} has no embeddings yet: embed its images first "
                f"(python -m fewshot_lab embed {self.name})."
            )
        return embeddings

    def embed(
        self,
        *,
        backbone: str | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
        shard: tuple[int, int] | None = None,
        progress: Progress = silent,
    ) -> EmbedReport:
        """Embed the images that have no embedding yet; resumes where it was stopped.

        Parameters
        ----------
        backbone : str, optional
            A registry name or a file; becomes the project's backbone once it is embedded.
        shard : (i, n), optional
            Embed only the i-th of n equal parts, so that several processes share the work.

        Raises
        ------
        FewshotLabError
            For an unknown backbone, one that cannot be had now, or a missing GPU.
        """
        from fewshot_lab.backbones import find
        from fewshot_lab.embeddings import ImageItem, embed

        chosen = find(backbone or self.backbone_name)
        rows = self.store.images()
        if not rows:
            raise FewshotLabError(f"{self.name!r} has no images yet: import some first.")
        items = [ImageItem(row.id, self._absolute(row.file), row.frame) for row in rows]
        report = embed(
            items,
            chosen,
            self.folder / "embeddings" / chosen.fingerprint,
            device=device,
            batch_size=batch_size,
            workers=workers,
            shard=shard,
            progress=progress,
        )
        # Kept by name from the first time on: another default later changes no project.
        if self._through is None and (backbone or self.store.get("backbone") is None):
            self.store.set("backbone", self._kept(backbone or chosen.name))
        return report

    def through(self, backbone: str) -> Project:
        """Return the project as another backbone sees it: its embeddings, its map.

        Labels and images are the same; the backbone in use stays the one in use.

        Raises
        ------
        FewshotLabError
            For an unknown backbone.
        """
        from fewshot_lab.backbones import find

        find(backbone)
        other = type(self)(self.folder, Store.open(*_database(self.folder)))
        other._through = backbone
        return other

    def use_backbone(self, name: str) -> None:
        """Make a backbone that has embedded the images the one in use; labels stay.

        Raises
        ------
        FewshotLabError
            For an unknown backbone, or one that has not embedded every image.
        """
        other = self.through(name)
        try:
            embedded = set(other.embeddings.ids) if other.embeddings else set()
            missing = len(set(self.store.ids()) - embedded)
        finally:
            other.close()
        if missing:
            raise FewshotLabError(
                f"{name} has not embedded {missing:,} of the images: embed them first."
            )
        self.store.set("backbone", self._kept(name))

    def _kept(self, name: str) -> str:
        """Return a name that stays what it is: a run goes on learning, and may be deleted."""
        from fewshot_lab.backbones import find

        if not name.startswith("run:"):
            return name
        backbone = find(name)
        weights = backbone.weights()
        if weights is None:
            raise FewshotLabError(f"The weights of {name} have just disappeared.")
        kept = self.folder / "backbones"
        kept.mkdir(exist_ok=True)
        copy = kept / f"{name.removeprefix('run:')}-{backbone.fingerprint[:8]}.safetensors"
        if not copy.exists():
            write_atomically(copy, weights.read_bytes())
        return str(copy)

    def pretrain(
        self,
        *,
        backbone: str | None = None,
        start: str = "imagenet",
        modality: str | None = None,
        steps: int | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        device: str = "cpu",
        nproc: int = 1,
        name: str | None = None,
        detach: bool = False,
        progress: Progress = silent,
        **values: Any,
    ) -> Run:
        """Pretrain a backbone on the images by DINO; labels serve to check whether it helps.

        Parameters
        ----------
        backbone, start, modality, steps, epochs, batch_size
            See :class:`fewshot_lab.pretrain.Recipe`; what is None is chosen by the size of the
            data.
        device : str
            "cpu" or "cuda".
        nproc : int
            Processes, one for each GPU; more than one are always detached.
        name : str, optional
            Of the run.
        detach : bool
            Return at once, while processes of their own train.
        values
            Any other value of the recipe.

        Returns
        -------
        Run
            ``run.backbone`` is the file; ``embed(backbone=f"run:{run.name}")`` uses it.

        Raises
        ------
        FewshotLabError
            For what cannot work, before anything starts.
        Stopped
        """
        from fewshot_lab.runs import images_of, launch_run, prepare_run, ready, recommend, run_rank

        images = images_of([self])
        advice = recommend(
            len(images[0]),
            backbone=backbone,
            start=start,
            modality=modality,
            steps=steps,
            epochs=epochs,
            batch_size=batch_size,
            device=device,
            values=values,
        )
        run = prepare_run([self], advice, name=name, device=device, nproc=nproc, images=images)
        if detach or nproc > 1:
            launch_run(run)
        else:
            ready(run)
            run_rank(run.folder, also=progress)
        return run

    def nshot(
        self,
        backbones: Sequence[str] | None = None,
        *,
        protocol: Protocol | None = None,
        labels: str = "reference",
        split_csv: Path | None = None,
        reference: str | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Return the few-shot curve of Nielsen et al. on the project's images.

        Parameters
        ----------
        backbones : sequence of str, optional
            That have embedded the images; the one in use by default.
        protocol : Protocol, optional
        labels : {"reference", "own"}
            Reference labels, or what people said here (the audit set's labels, too).
        split_csv : Path, optional
            A CSV with the columns ``path`` and ``split``: train (drawn from) or test. Without it
            the project's test set is tested on, or a third of each class.
        reference : str, optional
            Which of the paper's data sets this is, "none" for none; guessed by the classes.

        Raises
        ------
        FewshotLabError
        Stopped
        """
        from fewshot_lab.evaluation import nshot_of

        return nshot_of(
            self,
            backbones,
            protocol=protocol,
            labels=labels,
            split_csv=split_csv,
            reference=reference,
            progress=progress,
        )

    def replay(
        self,
        *,
        plan: ReplayPlan | None = None,
        labels: str = "own",
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Return what each suggestion strategy would have cost in labels, against random.

        Parameters
        ----------
        plan : ReplayPlan, optional
        labels : {"own", "reference"}
            What is held to be true, and labelled again.
        """
        from fewshot_lab.evaluation import remember, replay_of, take_evidence

        found = replay_of(self, plan=plan, labels=labels, progress=progress)
        remember(self, "replay", found)
        take_evidence(self, found)
        return found

    def compare(
        self,
        backbones: Sequence[str],
        *,
        protocol: Protocol | None = None,
        labels: str = "reference",
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Compare backbones on the same labels and draws, with what they cost in seconds.

        Images that one of them has not embedded yet are embedded first.
        """
        from fewshot_lab.evaluation import backbones_of, remember

        found = backbones_of(self, backbones, protocol=protocol, labels=labels, progress=progress)
        remember(self, "backbones", found)
        return found

    def advise(self) -> Advice:
        """Measure the learning curve of the labels, and say what the next ones are worth."""
        from fewshot_lab.evaluation import advise

        fitted = self.fit().fitted
        return advise(self, name=fitted.name, parameters=fitted.parameters)

    def _absolute(self, file: str) -> Path:
        path = Path(file)
        return path if path.is_absolute() else self.folder / path

    @property
    def index(self) -> Index:
        """The FAISS index over the embeddings, rows in their order; rebuilt when they change."""
        from fewshot_lab.embeddings import build_index

        embeddings = self.require_embeddings()
        with self._lock:
            key = (embeddings.fingerprint, len(embeddings.ids))
            if self._index is None or self._index[0] != key:
                self._index = (key, build_index(embeddings.matrix()))
            return self._index[1]

    @property
    def pool(self) -> Pool:
        """What classifiers need of all embedded images; made again when they change."""
        from fewshot_lab.classifiers import Pool

        embeddings = self.require_embeddings()
        with self._lock:
            key = (embeddings.fingerprint, len(embeddings.ids))
            if self._pool is None or self._pool[0] != key:
                self._pool = (key, Pool(embeddings.matrix()))
            return self._pool[1]

    def neighbours(
        self, image_id: str, k: int = 30, *, unlabelled_only: bool = False
    ) -> builtins.list[tuple[str, float]]:
        """Return the images most like one, with their cosine similarity, the nearest first."""
        embeddings = self.require_embeddings()
        if not embeddings.contains(image_id):
            raise FewshotLabError("This image has no embedding yet.")
        ids = embeddings.ids
        labelled = self.store.labels() if unlabelled_only else {}
        wanted = min(len(ids), k + 1 + len(labelled))
        similarity, rows = self.index.search(embeddings.matrix([image_id]), wanted)
        found = [
            (ids[row], float(s))
            for s, row in zip(similarity[0], rows[0], strict=True)
            if row >= 0 and ids[row] != image_id and ids[row] not in labelled
        ]
        return found[:k]

    @property
    def map_folder(self) -> Path:
        """Where the map of the embeddings in use lies."""
        return self.folder / "maps" / self.backbone.fingerprint

    @property
    def map(self) -> Map | None:
        """The map as it stands, or None."""
        from fewshot_lab.embeddings import load_map, map_stamp

        folder = self.map_folder
        with self._lock:
            stamp = map_stamp(folder)
            if stamp is None:
                return None
            key = (folder.name, stamp)
            if self._map is not None and self._map[0] == key:
                return self._map[1]
            loaded = load_map(folder)
            self._map = (key, loaded) if loaded is not None else None
            return loaded

    def first_map(self) -> bool:
        """Lay out by PCA what is embedded so far, to look at while the rest is on its way.

        Returns
        -------
        bool
            Whether there is a map now; :meth:`make_map` replaces this one.
        """
        from fewshot_lab.embeddings import Map, pca_map, save_map

        if self.map is not None:
            return True
        if (embeddings := self.embeddings) is None:
            return False
        ids = sorted(embeddings.ids)
        xy = pca_map(embeddings.matrix(ids))
        save_map(self.map_folder, Map(ids, xy, "pca", {}, embeddings.fingerprint))
        return True

    def make_map(
        self,
        *,
        neighbours: int | None = None,
        min_dist: float | None = None,
        fresh: bool = False,
        progress: Progress = silent,
    ) -> Map:
        """Lay the embeddings out in the plane: a PCA map at once, then UMAP.

        Where a UMAP map with the same settings exists, new images are placed on it and the old
        ones stay where they are, unless ``fresh``.
        """
        from fewshot_lab.embeddings import make_map

        settings = dict(self.store.get("map") or {})
        if neighbours is not None:
            settings["neighbours"] = neighbours
        if min_dist is not None:
            settings["min_dist"] = min_dist
        made = make_map(
            self.require_embeddings(),
            self.map_folder,
            neighbours=int(settings.get("neighbours", 15)),
            min_dist=float(settings.get("min_dist", 0.1)),
            fresh=fresh,
            progress=progress,
        )
        self.store.set("map", settings)
        return made

    # -- labels ----------------------------------------------------------------------------------

    def classes(self) -> builtins.list[ClassRow]:
        """Return the classes in their order."""
        return self.store.classes()

    def label(
        self,
        labels: Mapping[str, str | None],
        annotator: str,
        *,
        view: str = "script",
    ) -> int:
        """Label images by path or id; classes that do not exist yet are added.

        Parameters
        ----------
        labels : mapping
            From a path or an id to a class name, "unsure", "reject", or None (clears).

        Returns
        -------
        int
            The number of images labelled.

        Raises
        ------
        FewshotLabError
            Where a path is unknown or leads to several images; nothing is stored then.
        """
        known = self.store.find_many(list(labels))
        unknown = [key for key in labels if key not in known]
        if unknown:
            some = ", ".join(unknown[:3]) + (" ..." if len(unknown) > 3 else "")
            raise FewshotLabError(
                f"{len(unknown)} of {len(labels)} images are not in {self.name!r}: {some}"
            )
        by_name = {row.name.casefold(): row.id for row in self.store.classes()}
        said: dict[str, int | str] = {}
        for key, name in labels.items():
            if name is None:
                said[known[key]] = "clear"
            elif name in ("unsure", "reject"):
                said[known[key]] = name
            else:
                plain = " ".join(name.split())
                if plain.casefold() not in by_name:
                    added = self.store.add_class(plain, annotator=annotator)
                    by_name[plain.casefold()] = added
                said[known[key]] = by_name[plain.casefold()]
        if said:
            # One action, so that one undo takes all of it back.
            self.store.record(
                LabelAction(
                    client=f"{view}-{uuid4().hex}",
                    q=0,
                    annotator=annotator,
                    kind="class",
                    class_id=None,
                    image_ids=list(said),
                    view=view,
                    class_of=said,
                )
            )
        return len(said)

    def label_csv(self, csv_path: Path | str, annotator: str) -> tuple[int, builtins.list[str]]:
        """Label from a CSV with the columns ``path`` and ``label``.

        Returns
        -------
        int, list of str
            How many images were labelled, and the paths that are not in the project.

        Raises
        ------
        FewshotLabError
            Where the file cannot be read or lacks a column.
        """
        try:
            text = Path(csv_path).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise FewshotLabError(f"{csv_path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise FewshotLabError(
                f"{csv_path} is not UTF-8 text; save it as a CSV in UTF-8."
            ) from None
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)  # a spreadsheet writes what its country uses
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        missing = {"path", "label"} - set(reader.fieldnames or ())
        if missing:
            raise FewshotLabError(
                f"{csv_path} has no column {' and '.join(sorted(missing))!s}; "
                "its first line must name the columns path and label."
            )
        try:
            rows = [(row["path"] or "", (row["label"] or "").strip()) for row in reader]
        except csv.Error as error:
            raise FewshotLabError(f"{csv_path} is not a sound CSV: {error}.") from None
        known = self.store.find_many([path for path, _ in rows])
        unmatched = [path for path, _ in rows if path not in known]
        labels = {path: label or None for path, label in rows if path in known}
        return (self.label(labels, annotator, view="import") if labels else 0), unmatched

    # -- classifier ------------------------------------------------------------------------------

    def training_set(self) -> TrainingSet:
        """Return the labelled images that a classifier may learn from."""
        import numpy as np

        from fewshot_lab.classifiers import soft_labels

        embeddings = self.require_embeddings()
        held_out = self.splits.held_out(self.store.audit_ids())
        labels = self.store.labels()
        ids = [
            image_id
            for image_id in embeddings.ids
            if (label := labels.get(image_id)) is not None
            and label.teaches
            and image_id not in held_out
        ]
        y = np.array([labels[i].class_id for i in ids], dtype=np.int64)
        X = embeddings.matrix(ids).astype(np.float32)
        soft = soft_labels(y, [labels[i].shares for i in ids])
        return TrainingSet(ids, X, y, self.groups_of(ids), soft)

    def groups_of(self, ids: Sequence[str]) -> np.ndarray | None:
        """Return the name of what each image must stay together with, in every split.

        Its group by the project's rule, joined with its near-duplicates; see :attr:`splits`.
        None where every image stands alone.
        """
        return self.splits.groups_of(ids)

    @cached_property
    def splits(self) -> Splits:
        """What must not be torn apart: groups, near-duplicates, the reference test set."""
        from fewshot_lab.splits import Splits

        return Splits(self)

    @cached_property
    def lots(self) -> ProjectLots:
        """Who labels which image, where several share the project."""
        from fewshot_lab.people import ProjectLots

        return ProjectLots(self)

    def people(self) -> PeopleReport:
        """Return who labelled what, how far people agree, and what seeing predictions did."""
        from fewshot_lab.people import people_report

        return people_report(self)

    def set_team(self, annotator: str, **changes: Any) -> Team:
        """Agree on how several annotators share the project; what is not named stays.

        Parameters
        ----------
        annotator : str
            Who says so; it is kept in the log with the time.
        changes
            Fields of :class:`fewshot_lab.store.Team`.

        Raises
        ------
        FewshotLabError
            For what cannot be.
        """
        team = replace(self.store.team(), **changes)
        self.store.set_team(team, annotator)
        return team

    @cached_property
    def audit(self) -> AuditSet:
        """The images drawn at random, to measure and never to train."""
        from fewshot_lab.audit import AuditSet

        return AuditSet(self)

    def fit(self, name: str | None = None) -> ProjectClassifier:
        """Fit a classifier on the labels.

        Parameters
        ----------
        name : str, optional
            A name of :data:`fewshot_lab.classifiers.TITLES` or "auto"; the project's own choice
            (the setting "classifier", else "auto") where it is not given.

        Raises
        ------
        FewshotLabError
            With labels of fewer than two classes.
        """
        import numpy as np

        from fewshot_lab.classifiers import fit

        training = self.training_set()
        if len(set(training.y.tolist())) < 2:
            raise FewshotLabError(
                "A classifier needs labelled images of at least two classes; "
                f"{self.name!r} has {len(training.ids)} labelled images "
                f"of {len(set(training.y.tolist()))}."
            )
        pool = self.pool
        place = {image_id: row for row, image_id in enumerate(self.require_embeddings().ids)}
        rows = np.array([place[image_id] for image_id in training.ids], dtype=np.int64)
        inside = bool(rows.max() < len(pool))
        fitted = fit(
            training.X,
            training.y,
            name=name or str(self.store.get("classifier") or "auto"),
            groups=training.groups,
            near_duplicates=None,
            pool=pool,
            rows=rows if inside else None,
            soft=training.soft,
        )
        return ProjectClassifier(self, fitted, training)

    def export(
        self, folder: Path | str, *, as_zip: bool = False, progress: Progress = silent
    ) -> BundleReport:
        """Fit and write the bundle; see :func:`fewshot_lab.export.export_bundle`."""
        return self.fit().export(folder, as_zip=as_zip, progress=progress)

    def probabilities(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return what the probabilities are worth: calibration, threshold, sets, unlike images.

        Parameters
        ----------
        settings : Settings, optional
            The project's own where they are not given.

        Raises
        ------
        FewshotLabError
            With labels of fewer than two classes, or none that could be held out.
        """
        from fewshot_lab.export import told_of

        return told_of(self, self.fit(), settings)

    def report(self, out: Path | str, *, progress: Progress = silent) -> dict[str, Any]:
        """Write the report as one HTML file; see :func:`fewshot_lab.export.write_report`."""
        from fewshot_lab.export import write_report

        return write_report(self, out, progress=progress)

    def keep_probabilities(self, settings: Mapping[str, Any]) -> None:
        """Keep how probabilities are to be acted on: for the pages, the report and the bundle."""
        from fewshot_lab.evaluation import Settings

        self.store.set("probabilities", Settings.of(settings).to_dict())

    @cached_property
    def jobs_folder(self) -> Path:
        """Where the runs of long work are kept."""
        return self.folder / "jobs"


def _folder(name: str, home: Path | str | None) -> Path:
    if not NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise FewshotLabError(
            f"{name!r} cannot be a project's name: use up to 64 letters, digits, spaces, "
            "dots, dashes and underscores, beginning with a letter or digit."
        )
    return (Path(home) if home is not None else _home.home()) / name


def _folders(home: Path | str | None) -> Iterable[Path]:
    base = Path(home) if home is not None else _home.home()
    if not base.is_dir():
        return []
    return sorted(p for p in base.iterdir() if (p / MARKER).exists())


def _database(folder: Path) -> tuple[str | Path, str | None]:
    """Return where a project's rows are: a file of its own, or a schema of the named server."""
    if url := os.environ.get("FEWSHOT_LAB_DATABASE"):
        # Short enough for PostgreSQL, and different for "a b" and "a_b".
        mark = hashlib.sha256(folder.name.encode()).hexdigest()[:8]
        schema = f"fewshot_{re.sub(r'[^a-z0-9]', '_', folder.name.lower())[:40]}_{mark}"
        return url, schema
    return folder / "project.sqlite", None
