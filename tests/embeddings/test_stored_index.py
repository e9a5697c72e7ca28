"""An index on disk: built in parts, added to, killed, damaged; held against brute force."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.embeddings import StoredIndex, build_index, build_part
from fewshot_lab.embeddings.stored_index import CANDIDATES, Vectors
from fewshot_lab.files import read_json

N, D = 2_000, 32


def mark(n: int) -> str:
    return f"rows {n}"


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    random = np.random.default_rng(0)
    factors = random.normal(size=(N, 16)) @ random.normal(size=(16, D))
    return (factors + 0.3 * random.normal(size=(N, D))).astype(np.float16)


@pytest.fixture(scope="module")
def vectors(matrix: np.ndarray) -> Vectors:
    return lambda rows: matrix[rows]


def opened(folder: Path) -> StoredIndex:
    index = StoredIndex.open(folder, mark)
    assert index is not None
    return index


def recall(index: StoredIndex, matrix: np.ndarray, k: int = 10) -> float:
    _, truth = build_index(matrix, kind="flat", device="cpu").search(matrix, k)
    _, rows = index.search(matrix, k, lambda some: matrix[some])
    pairs = zip(truth.tolist(), rows.tolist(), strict=True)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in pairs]))


@pytest.mark.parametrize("kind", ["ivf", "pq"])
def test_it_finds_what_it_says_it_finds(
    tmp_path: Path, matrix: np.ndarray, vectors: Vectors, kind: str
) -> None:
    assert build_part(tmp_path, vectors, N, mark(N), kind=kind) == 0  # type: ignore[arg-type]
    index = opened(tmp_path)
    assert (index.rows, index.kind) == (N, kind)
    assert index.recall >= 0.98
    assert recall(index, matrix) == pytest.approx(index.recall, abs=0.02)


def test_what_a_search_looks_into_follows_from_the_recall(matrix: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)  # no cells to speak of
    easy, hard = (build_index(X, kind="ivf", device="cpu") for X in (matrix, noise))
    assert easy.kind == "ivf" and easy.recall is not None and easy.recall >= 0.99
    _, truth = build_index(noise, kind="flat", device="cpu").search(noise, 10)
    _, rows = hard.search(noise, 10)
    assert hard.kind == "flat" and np.array_equal(rows, truth)


def test_rows_that_rounding_swaps_do_not_make_a_search_look_everywhere(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    centres = random.normal(size=(40, D)).repeat(N // 40, axis=0)
    close = (centres + 0.01 * random.normal(size=centres.shape)).astype(np.float32)
    build_part(tmp_path, lambda rows: close[rows], len(close), mark(len(close)))
    index, about = opened(tmp_path), read_json(tmp_path / "index.json")
    assert recall(index, close) < 0.97  # by number, of cosines that two bytes cannot tell apart
    assert about is not None and about["probes"] < 0.5 * len(close) ** 0.5
    cosines, _ = build_index(close, kind="flat", device="cpu").search(close, 10)
    as_near, _ = index.search(close, 10, lambda some: close[some])
    assert (as_near[:, -1] > cosines[:, -1] - 5e-4).mean() > 0.99


def test_codes_that_tell_little_name_more_candidates(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)
    build_part(tmp_path, lambda rows: noise[rows], N, mark(N), kind="pq")
    index = opened(tmp_path)
    assert index.recall >= 0.99
    assert read_json(tmp_path / "index.json")["candidates"] > CANDIDATES[0]  # type: ignore[index]
    assert recall(index, noise) == pytest.approx(index.recall, abs=0.02)


@pytest.mark.parametrize("kind", ["ivf", pytest.param("pq", marks=pytest.mark.slow)])
def test_parts_put_together_are_the_whole(tmp_path: Path, vectors: Vectors, kind: str) -> None:
    build_part(tmp_path / "one", vectors, N, mark(N), kind=kind)  # type: ignore[arg-type]
    missing = [
        build_part(tmp_path / "parts", vectors, N, mark(N), part=(i, 3), kind=kind)  # type: ignore[arg-type]
        for i in (2, 0, 1)
    ]
    assert missing == [2, 1, 0]
    queries = vectors(np.arange(0, N, 7))
    one, parts = (opened(tmp_path / name).search(queries, 10, vectors) for name in ("one", "parts"))
    np.testing.assert_allclose(one[0], parts[0], atol=1e-5)
    assert np.mean(one[1] == parts[1]) > 0.999  # the same cosine may stand in either order
    assert [path.name for path in (tmp_path / "parts").iterdir() if path.is_dir()] == []


@pytest.mark.exhaustive  # learning the rotation takes 26 s of a processor
def test_codes_of_rotated_vectors_are_built_in_parts_and_added_to(
    tmp_path: Path, matrix: np.ndarray, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of large projects: a rotation is learnt, and codes of 256 centroids (OPQ, IVF-PQ)."""
    monkeypatch.setattr("fewshot_lab.embeddings.stored_index.ROTATED_FROM", 1_000)
    n = N - 300
    missing = [build_part(tmp_path, vectors, n, mark(n), part=(i, 2), kind="pq") for i in (1, 0)]
    assert missing == [1, 0]
    index = opened(tmp_path)
    index.add(vectors, N, mark(N))
    index = opened(tmp_path)
    assert (index.rows, index.kind) == (N, "pq")
    assert recall(index, matrix) == pytest.approx(index.recall, abs=0.02)
    assert index.recall >= 0.98


def test_what_is_added_is_found_as_in_a_new_index(
    tmp_path: Path, matrix: np.ndarray, vectors: Vectors
) -> None:
    build_part(tmp_path, vectors, N - 500, mark(N - 500))
    opened(tmp_path).add(vectors, N, mark(N))
    index = opened(tmp_path)
    assert index.rows == N
    assert recall(index, matrix) >= 0.98
    _, rows = index.search(matrix[-500:], 1, vectors)
    assert np.array_equal(rows[:, 0], np.arange(N - 500, N))


def test_an_index_of_other_rows_or_a_damaged_one_is_none(tmp_path: Path, vectors: Vectors) -> None:
    build_part(tmp_path, vectors, N, mark(N))
    assert StoredIndex.open(tmp_path, lambda n: f"others {n}") is None
    file = next(tmp_path.glob("index-*.faiss"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert StoredIndex.open(tmp_path, mark) is None
    assert build_part(tmp_path, vectors, N, mark(N)) == 0  # built anew
    assert opened(tmp_path).rows == N


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from fewshot_lab.embeddings import build_part

matrix = np.load(sys.argv[1])
looked = 0
def vectors(rows):
    global looked
    looked += 1
    if looked == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return matrix[rows]
for part in (0, 1):
    build_part(Path(sys.argv[2]), vectors, len(matrix), f"rows {len(matrix)}", part=(part, 2))
"""


@pytest.mark.parametrize("at", [1, 3, 4])
def test_killed_while_it_is_built_it_goes_on_and_is_whole(
    tmp_path: Path, matrix: np.ndarray, vectors: Vectors, at: int
) -> None:
    """In learning, in either part, in putting them together."""
    np.save(tmp_path / "x.npy", matrix)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "x.npy"), str(tmp_path / "i"), str(at)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(root)}, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert StoredIndex.open(tmp_path / "i", mark) is None
    missing = [build_part(tmp_path / "i", vectors, N, mark(N), part=(k, 2)) for k in (0, 1)]
    assert missing[-1] == 0
    assert recall(opened(tmp_path / "i"), matrix) >= 0.98
