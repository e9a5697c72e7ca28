"""What backbones made of a project's images: embeddings, index, map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.base import ProjectFolder
from fewshot_lab.project.kept_backbones import put_into_use
from fewshot_lab.project.places import database
from fewshot_lab.project.remembered import Remembered
from fewshot_lab.project.unreadable import UnreadableImages
from fewshot_lab.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fewshot_lab.backbones import Backbone
    from fewshot_lab.classifiers import Pool
    from fewshot_lab.embeddings import Embeddings, EmbedReport, Index, Map
    from fewshot_lab.project.kept_pool import KeptPool


class EmbeddedProject(ProjectFolder):
    """Backbone, embeddings, index and map of a project."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self._embeddings: tuple[str, Embeddings] | None = None
        self._map: Remembered[Map | None] = Remembered()
        self._through: str | None = None

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
            The backbone is unknown or not available now, or a GPU is missing.
        UnreadableImages
            Most images cannot be read now; the backbone in use stays.
        """
        from fewshot_lab.backbones import find
        from fewshot_lab.embeddings import embed

        chosen = find(backbone or self.backbone_name)
        items = self.items()
        if not items:
            raise FewshotLabError(f"{self.name!r} has no images yet: import some first.")
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
        path_of = {row.id: row.path for row in self.store.images([i for i, _ in report.failed])}
        report.failed = [(path_of[i], reason) for i, reason in report.failed]
        if len(report.failed) > report.done + report.skipped:
            before = self._through or self.store.get("backbone")
            stays = f"{self.name} stays with {before}." if before and not self._through else ""
            raise UnreadableImages(report, stays)
        # Kept by name from the first time on: another default later changes no project.
        if self._through is None and (backbone or self.store.get("backbone") is None):
            put_into_use(self, backbone or chosen.name)
        if self._through is None and shard is None:
            from fewshot_lab.project.copies import Copies

            Copies(self).compare(progress)
        return report

    def through(self, backbone: str) -> Self:
        """Return the project as seen by another backbone: its embeddings, its map.

        Labels and images are the same, and the backbone in use stays.

        Raises
        ------
        FewshotLabError
            For an unknown backbone.
        """
        from fewshot_lab.backbones import find

        find(backbone)
        other = type(self)(self.folder, Store.open(*database(self.folder)))
        other._through = backbone
        return other

    def use_backbone(self, name: str) -> None:
        """Make a backbone that has embedded the images the one in use; labels stay.

        Raises
        ------
        FewshotLabError
            For an unknown backbone, or one that has not embedded every image.
        """
        with self.through(name) as other:
            embedded = set(other.embeddings.ids) if other.embeddings else set()
            missing = len(set(self.store.ids()) - embedded)
        if missing:
            raise FewshotLabError(
                f"{name} has not embedded {missing:,} of the images: embed them first."
            )
        put_into_use(self, name)

    @cached_property
    def kept_pool(self) -> KeptPool:
        """The pool and its index, as they were made last."""
        from fewshot_lab.project.kept_pool import KeptPool

        return KeptPool(self.store, self.folder / "pools")

    @property
    def pool(self) -> Pool:
        """What classifiers need of all embedded images; made again when they change.

        It learns nothing from the reference test set.
        """
        return self.kept_pool.pool(self.require_embeddings())

    @property
    def index(self) -> Index:
        """The FAISS index over the embeddings, rows in their order; rebuilt when they change.

        :meth:`neighbours` asks it, and in large projects one that is kept.
        """
        return self.kept_pool.index(self.require_embeddings())

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Return what map and neighbours compare of embedded images (n, p): see :class:`Pool`.

        All parts of an embedding, prepared, in their leading axes. Among ten neighbours more are
        of one class so than by the last layer alone (``benchmarks/backbones.py --neighbours``).
        """
        rows = self.require_embeddings().rows(ids)
        return self.pool.rotated[rows]

    @property
    def map_folder(self) -> Path:
        """Where the map of the embeddings in use lies."""
        return self.folder / "maps" / self.backbone.fingerprint

    @property
    def map(self) -> Map | None:
        """The current map, or None; read again only where its file has changed."""
        from fewshot_lab.embeddings import load_map, map_stamp

        folder = self.map_folder
        if (stamp := map_stamp(folder)) is None:
            return None
        return self._map.get((folder.name, stamp), lambda: load_map(folder))

    def first_map(self) -> bool:
        """Lay out by PCA what is embedded so far, to look at while embedding goes on.

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
        xy = pca_map(self.vectors(ids))
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
        """Lay out the embeddings in two dimensions: a PCA map at once, then UMAP.

        Where a UMAP map with the same settings exists, new images are placed on it and the old
        ones stay where they are, unless ``fresh``.
        """
        from fewshot_lab.embeddings import make_map

        chosen = {"neighbours": neighbours, "min_dist": min_dist}
        settings = dict(self.store.get("map") or {})
        settings |= {name: value for name, value in chosen.items() if value is not None}
        layout = make_map(
            self.require_embeddings(),
            self.map_folder,
            self.vectors,
            neighbours=int(settings.get("neighbours", 15)),
            min_dist=float(settings.get("min_dist", 0.1)),
            fresh=fresh,
            progress=progress,
        )
        self.store.set("map", settings)
        return layout
