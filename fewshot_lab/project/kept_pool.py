"""The pool of a project's embedded images and its index, kept while they stay the same."""

from threading import RLock

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.embeddings import Embeddings, Index
from fewshot_lab.project.split_settings import reference_test, revision
from fewshot_lab.store import Store


class KeptPool:
    """Makes pool and index again where embeddings, or what the pool may learn from, change.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = RLock()
        self._pool: tuple[tuple[str, int, int], bytes, Pool] | None = None
        self._index: tuple[Pool, Index] | None = None

    def pool(self, embeddings: Embeddings) -> Pool:
        """Return the pool; it learns nothing from the reference test set."""
        from fewshot_lab.classifiers import Pool

        with self._lock:
            key = (embeddings.fingerprint, len(embeddings.ids), revision(self._store))
            if self._pool is None or self._pool[0] != key:
                learnt = self._learnt_from(embeddings)
                rows = b"" if learnt is None else learnt.tobytes()
                kept = self._pool
                if kept is None or kept[0][:2] != key[:2] or kept[1] != rows:
                    pool = Pool(embeddings.vectors(), parts=embeddings.parts, learnt=learnt)
                else:
                    pool = kept[2]
                self._pool = (key, rows, pool)
            return self._pool[2]

    def index(self, embeddings: Embeddings) -> Index:
        """Return the FAISS index over the pool, rows in its order."""
        from fewshot_lab.embeddings import build_index

        with self._lock:
            pool = self.pool(embeddings)
            if self._index is None or self._index[0] is not pool:
                self._index = (pool, build_index(pool.rotated))
            return self._index[1]

    def test_ids(self) -> set[str]:
        """Return the reference test set."""
        test, _ = reference_test(self._store)
        return {i for i, tested in zip(self._store.ids(), test, strict=False) if tested}

    def _learnt_from(self, embeddings: Embeddings) -> NDArray[np.int64] | None:
        """Return the rows that are not of the reference test set; None where all are not."""
        if not (apart := self.test_ids()):
            return None
        rows = [row for row, image_id in enumerate(embeddings.ids) if image_id not in apart]
        return np.array(rows, dtype=np.int64) if rows else None
