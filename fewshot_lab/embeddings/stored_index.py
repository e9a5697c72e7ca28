"""An index on disk: learnt from a sample, built in parts by any number of processes, added to.

Parts are files of their own, each written whole: a process that is killed loses the part in hand,
and whoever comes last puts them together. Where whole vectors do not fit into memory, the index
holds codes of some bytes each (optimised product quantisation: Ge et al. 2013, CVPR), and the
candidates that it names are compared exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.claims import alone
from fewshot_lab.embeddings.index import evenly_spread, load_faiss, normalised, trained_ivf
from fewshot_lab.embeddings.index_recall import (
    MOST_CELLS,
    QUERY_ROWS,
    RECALL,
    K,
    choose_probes,
    nearest_rows,
)
from fewshot_lab.files import checksum, read_json, write_json
from fewshot_lab.progress import Progress, silent

Vectors = Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]]
"""From rows (m,) to what is compared of them (m, p)."""

CANDIDATES = (20, 40, 80, 160)
"""Of codes: so many times the rows that are wanted are compared exactly, as few as will do."""

CODE = 64
"""Bytes of a code, where that is a quarter of the numbers or less."""

ROTATED_FROM = 39 * 256
"""Vectors from which a rotation and 256 centroids are learnt; from fewer 16, and no rotation."""

LARGEST_SAMPLE = 1_000_000
_BLOCK = 16_384


class StoredIndex:
    """An index in a folder, over rows 0 to n - 1 of some vectors.

    Attributes
    ----------
    rows : int
    kind : {"ivf", "pq"}
        Whole vectors in two bytes a number, or codes.
    recall : float
        Share of the ten nearest rows that it finds, as measured when it was built.
    built_of : int
        Rows when its cells were learnt.
    """

    def __init__(self, folder: Path, about: dict[str, Any], index: Any) -> None:
        self.folder = folder
        self.rows, self.kind = int(about["rows"]), str(about["kind"])
        self.recall, self.built_of = float(about["recall"]), int(about["built_of"])
        self._about, self._index = about, index
        load_faiss().extract_index_ivf(index).nprobe = int(about["probes"])

    @classmethod
    def open(cls, folder: Path, mark: Callable[[int], str]) -> StoredIndex | None:
        """Open it; None where there is none, it is damaged, or of other rows.

        Parameters
        ----------
        folder
            Of the index.
        mark
            What the first so many rows are known by.
        """
        about = read_json(folder / "index.json")
        if about is None or about.get("mark") != mark(int(about.get("rows", 0))):
            return None
        index = _read(folder / str(about["file"]), int(about["checksum"]))
        return None if index is None else cls(folder, about, index)

    def search(
        self, queries: npt.NDArray[Any], k: int, vectors: Vectors
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return the most similar rows (m, min(k, rows)) and their cosines, the nearest first.

        A row is -1 where fewer were found.
        """
        k = min(k, self.rows)
        queries = normalised(queries)
        if self.kind == "ivf":
            found: tuple[Any, Any] = self._index.search(queries, k)
            return found
        most = int(self._about.get("candidates", CANDIDATES[0]))
        _, candidates = self._index.search(queries, min(self.rows, most * k))
        cosines = np.full(candidates.shape, -np.inf, np.float32)
        for at, rows in enumerate(candidates):
            there = rows >= 0
            cosines[at, there] = normalised(vectors(rows[there])) @ queries[at]
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(cosines, order, 1), np.take_along_axis(candidates, order, 1)

    def add(self, vectors: Vectors, n: int, mark: str) -> None:
        """Take in the rows from the last one on to n - 1, and keep the whole."""
        _add(self._index, vectors, self.rows, n)
        self._about |= {"rows": n, "mark": mark}
        self.rows = n
        _keep(self.folder, self._about, self._index)


def build_part(
    folder: Path,
    vectors: Vectors,
    n: int,
    mark: str,
    *,
    part: tuple[int, int] = (0, 1),
    kind: Literal["ivf", "pq"] = "ivf",
    progress: Progress = silent,
) -> int:
    """Build the i-th of some parts, and the whole where it was the last; what is there stays.

    Parameters
    ----------
    folder
        Of the index.
    vectors
        Of rows 0 to n - 1.
    mark
        What these rows are known by: parts of other rows are not taken.
    part
        (i, of how many), i from 0.

    Returns
    -------
    int
        How many parts are missing still.
    """
    i, parts = part
    if _is_built(folder, mark, kind):
        return 0
    work = folder / f"{mark}-{kind}-{parts}"
    work.mkdir(parents=True, exist_ok=True)
    with alone(work / "trained.lock"):
        trained = _read(work / "trained.faiss")
        if trained is None:
            progress("learning the cells", 0, None)
            trained = _trained(vectors, n, kind)
            _write(trained, work / "trained.faiss")
    bounds = np.linspace(0, n, parts + 1).astype(int)
    file = work / f"part-{i}.faiss"
    if _read(file) is None:
        _add(trained, vectors, int(bounds[i]), int(bounds[i + 1]), progress)
        _write(trained, file)
    with alone(work / "merge.lock"):
        if _is_built(folder, mark, kind):
            return 0  # another process was the last one
        missing = sum(_read(work / f"part-{k}.faiss") is None for k in range(parts))
        if not missing:
            _merge(folder, work, parts, _about(n, mark, kind), vectors)
        return missing


def _about(n: int, mark: str, kind: str) -> dict[str, Any]:
    return {"rows": n, "built_of": n, "mark": mark, "kind": kind}


def _is_built(folder: Path, mark: str, kind: str) -> bool:
    about = read_json(folder / "index.json")
    if about is None or (about.get("mark"), about.get("kind")) != (mark, kind):
        return False
    path = folder / str(about["file"])
    return path.is_file() and _checksum(path) == about["checksum"]


def _trained(vectors: Vectors, n: int, kind: str) -> Any:
    cells = max(1, round(math.sqrt(n)))
    sample = normalised(vectors(evenly_spread(n, min(LARGEST_SAMPLE, 64 * cells))))
    if kind == "ivf":
        return trained_ivf(sample, cells)
    faiss = load_faiss()
    d = sample.shape[1]
    code = math.gcd(CODE, max(1, d // 4))
    enough = len(sample) >= ROTATED_FROM
    name = f"OPQ{code},IVF{cells},PQ{code}" if enough else f"IVF{cells},PQ{code}x4"
    index = faiss.index_factory(d, name, faiss.METRIC_INNER_PRODUCT)
    if enough:
        faiss.downcast_VectorTransform(index.chain.at(0)).niter = 10  # it settles long before 50
    lists = faiss.extract_index_ivf(index)
    lists.cp.seed, lists.cp.min_points_per_centroid = 1234, 1
    faiss.downcast_index(lists).pq.cp.min_points_per_centroid = 1
    index.train(sample)
    return index


def _add(index: Any, vectors: Vectors, start: int, stop: int, progress: Progress = silent) -> None:
    for first in range(start, stop, _BLOCK):
        rows = np.arange(first, min(stop, first + _BLOCK))
        index.add_with_ids(normalised(vectors(rows)), rows)
        progress("index", int(rows[-1]) + 1 - start, stop - start)


def _merge(folder: Path, work: Path, parts: int, about: dict[str, Any], vectors: Vectors) -> None:
    faiss = load_faiss()
    whole = _read(work / "part-0.faiss")
    lists = faiss.extract_index_ivf(whole)
    for k in range(1, parts):
        part = _read(work / f"part-{k}.faiss")  # FAISS keeps no reference to it
        lists.merge_from(faiss.extract_index_ivf(part), 0)
    whole.ntotal = lists.ntotal
    n = int(about["rows"])
    query_rows = evenly_spread(n, QUERY_ROWS)
    blocks = (
        normalised(vectors(np.arange(start, min(n, start + _BLOCK))))
        for start in range(0, n, _BLOCK)
    )
    queries = normalised(vectors(query_rows))
    truth = nearest_rows(queries, blocks, K)
    ways = [(1, 1.0)]  # whole vectors name the nearest themselves
    if about["kind"] == "pq":
        ways = [*((each, MOST_CELLS) for each in CANDIDATES), (CANDIDATES[-1], 1.0)]
    for candidates, most in ways:
        about["recall"] = choose_probes(
            whole, query_rows, queries, truth, candidates=candidates, most=most
        )
        about["candidates"] = candidates
        if about["recall"] >= RECALL:
            break
    about["probes"] = int(lists.nprobe)
    _keep(folder, about, whole)
    for path in work.iterdir():
        path.unlink()
    work.rmdir()


def _keep(folder: Path, about: dict[str, Any], index: Any) -> None:
    """Write the index under a name of its own, then say that it is the one."""
    before = (read_json(folder / "index.json") or {}).get("file")
    beside = folder / ".index.part"
    checksum = _write(index, beside)
    about["file"], about["checksum"] = f"index-{checksum:08x}.faiss", checksum
    beside.replace(folder / about["file"])
    beside.with_suffix(".crc").unlink()
    write_json(folder / "index.json", about)
    if before and before != about["file"]:
        (folder / before).unlink(missing_ok=True)


def _write(index: Any, path: Path) -> int:
    """Write a FAISS index with its checksum beside it; half of one counts as none."""
    load_faiss().write_index(index, str(path))
    checksum = _checksum(path)
    path.with_suffix(".crc").write_text(str(checksum), encoding="ascii")
    return checksum


def _read(path: Path, checksum: int | None = None) -> Any:
    """Read a FAISS index; None where there is none or it is not as it was written."""
    try:
        if checksum is None:
            checksum = int(path.with_suffix(".crc").read_text(encoding="ascii"))
        return load_faiss().read_index(str(path)) if _checksum(path) == checksum else None
    except (OSError, ValueError):
        return None


def _checksum(path: Path) -> int:
    with path.open("rb") as file:
        return checksum(file)
