"""The pool of a project's embedded images and its index, kept while they stay the same."""

import shutil
import zlib
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.embeddings import Embeddings, Index
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.remembered import Remembered
from fewshot_lab.project.split_settings import reference_test, revision
from fewshot_lab.store import ImageColumns, Store

WORTH_KEEPING = 4_000_000
"""Numbers of all embeddings from which on views are kept: fewer are prepared within a second."""


class KeptPool:
    """Makes pool and index again where embeddings, or what the pool may learn from, change.

    Parameters
    ----------
    store : Store
    folder : Path
        Where a large pool's views are kept, by backbone.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._lock = RLock()
        self._pool: tuple[tuple[str, int, int], bytes, Pool] | None = None
        self._index: Remembered[Index] = Remembered()
        self._test: tuple[tuple[int, int], tuple[NDArray[np.bool_], str]] | None = None

    def pool(self, embeddings: Embeddings) -> Pool:
        """Return the pool; it learns nothing from the reference test set."""
        with self._lock:
            key = (embeddings.fingerprint, len(embeddings.ids), revision(self._store))
            if self._pool is None or self._pool[0] != key:
                learnt = self._learnt_from(embeddings)
                rows = b"" if learnt is None else learnt.tobytes()
                kept = self._pool
                if kept is None or kept[0][:2] != key[:2] or kept[1] != rows:
                    pool = self._pool_of(embeddings, learnt, rows)
                else:
                    pool = kept[2]
                self._pool = (key, rows, pool)
            return self._pool[2]

    def _pool_of(
        self, embeddings: Embeddings, learnt: NDArray[np.int64] | None, rows: bytes
    ) -> Pool:
        from fewshot_lab.classifiers import Pool
        from fewshot_lab.project.kept_views import KeptViews

        X, parts = embeddings.vectors(), embeddings.parts
        # While images are being embedded, what is made is soon out of date.
        whole = len(X) + len(embeddings.failed) >= len(self._store.ids())
        if not whole or len(X) * X.shape[1] < WORTH_KEEPING:
            return Pool(X, parts=parts, learnt=learnt)
        for left in self._folder.glob("*"):
            if not (embeddings.folder.parent / left.name).exists():  # removed by hand
                shutil.rmtree(left, ignore_errors=True)
        mark = f"{X.mark} {parts.lengths} {zlib.crc32(rows):08x}"
        keep = KeptViews(self._folder / embeddings.fingerprint, mark)
        return Pool(X, parts=parts, learnt=learnt, keep=keep)

    def keep_views(self, embeddings: Embeddings, progress: Progress = silent) -> None:
        """Make all views of a pool that is kept, so that a server that starts has them."""
        pool = self.pool(embeddings)
        if pool.is_kept:
            progress("getting ready to label", 0, None)
            _ = pool.levelled, pool.finals.levelled

    def index(self, embeddings: Embeddings) -> Index:
        """Return the FAISS index over the pool, rows in its order."""
        from fewshot_lab.embeddings import build_index

        pool = self.pool(embeddings)
        return self._index.get(pool, lambda: build_index(pool.rotated))

    def reference_test(self, images: ImageColumns | None = None) -> tuple[NDArray[np.bool_], str]:
        """Return which of all images are the reference test set (n,), and by what.

        They are read where they are not given.
        """
        with self._lock:
            n = len(self._store.ids() if images is None else images)
            now = revision(self._store)
            if self._test is None or self._test[0] != (n, now):
                test = reference_test(self._store, images)
                self._test = (len(test[0]), now), test  # images may have come meanwhile
            return self._test[1]

    def test_ids(self) -> set[str]:
        """Return the reference test set."""
        test, _ = self.reference_test()
        ids = self._store.ids()
        return {ids[k] for k in np.flatnonzero(test)}

    def _learnt_from(self, embeddings: Embeddings) -> NDArray[np.int64] | None:
        """Return the rows that are not of the reference test set; None where all are not."""
        if not (apart := self.test_ids()):
            return None
        rows = [row for row, image_id in enumerate(embeddings.ids) if image_id not in apart]
        return np.array(rows, dtype=np.int64) if rows else None
