"""Neighbours, held against brute force in float64."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.embeddings import PairSearch, build_index, neighbour_graph
from fewshot_lab.embeddings import neighbours as neighbours_module
from fewshot_lab.errors import FewshotLabError

Clusters = tuple[npt.NDArray[np.float16], npt.NDArray[np.int64]]


def cosine(queries: npt.NDArray[np.float16], matrix: npt.NDArray[np.float16]) -> np.ndarray:
    a, b = queries.astype(np.float64), matrix.astype(np.float64)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return a @ b.T


def test_exact_search_is_brute_force(clusters: Clusters) -> None:
    matrix, _ = clusters
    queries = matrix[::7] * np.float16(3)  # lengths play no part
    similarity, rows = build_index(matrix).search(queries, 9)
    truth = cosine(queries, matrix)
    np.testing.assert_allclose(similarity, -np.sort(-truth, axis=1)[:, :9], atol=1e-5)
    np.testing.assert_allclose(similarity, np.take_along_axis(truth, rows, 1), atol=1e-5)
    assert similarity.dtype == np.float32
    assert rows.dtype == np.int64


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_approximate_search_finds_nearly_all(clusters: Clusters, kind: str) -> None:
    matrix, _ = clusters
    exact = build_index(matrix, kind="flat").search(matrix, 10)[1]
    index = build_index(matrix, kind=kind)  # type: ignore[arg-type]
    assert index.kind == kind
    found = index.search(matrix, 10)[1]
    hits = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    assert np.mean(hits) / 10 > 0.95


def test_an_index_is_built_the_same_again(clusters: Clusters) -> None:
    one, two = (build_index(clusters[0], kind="ivf").search(clusters[0], 5)[1] for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_rows(n: int) -> None:
    matrix = np.eye(8, dtype=np.float16)[:n]
    for kind in ("auto", "ivf", "hnsw"):
        similarity, rows = build_index(matrix, kind=kind).search(np.ones((3, 8)), 4)  # type: ignore[arg-type]
        assert similarity.shape == rows.shape == (3, min(4, n))


def test_a_zero_vector_is_far_from_all(clusters: Clusters) -> None:
    similarity, _ = build_index(clusters[0]).search(np.zeros((1, 64)), 3)
    assert np.array_equal(similarity, np.zeros((1, 3)))


def test_wrong_wishes_are_refused(clusters: Clusters) -> None:
    with pytest.raises(FewshotLabError, match="not a kind of index"):
        build_index(clusters[0], kind="tree")  # type: ignore[arg-type]


def test_the_graph_has_each_row_first(clusters: Clusters) -> None:
    matrix = np.concatenate([clusters[0], clusters[0][:20]])  # with twins
    rows, distances = neighbour_graph(matrix, 6)
    assert np.array_equal(rows[:, 0], np.arange(620))
    assert not distances[:, 0].any()
    assert (np.diff(distances, axis=1) >= 0).all()
    truth = np.sort(1 - cosine(matrix, matrix), axis=1)[:, :6]
    np.testing.assert_allclose(distances, truth, atol=1e-5)


def test_the_graph_of_many_is_nearly_the_exact_one(
    clusters: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    factors = random.normal(size=(2_000, 24)) @ random.normal(size=(24, 300))
    matrix = (factors + 0.2 * random.normal(size=(2_000, 300))).astype(np.float16)
    exact, _ = neighbour_graph(matrix, 15)
    monkeypatch.setattr(neighbours_module, "EXACT_WORK", 0)
    found, distances = neighbour_graph(matrix, 15)
    assert np.array_equal(found[:, 0], np.arange(2_000))
    assert (np.diff(distances, axis=1) >= 0).all()
    hits = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    assert np.mean(hits) / 15 > 0.9


def near_pairs(
    matrix: npt.NDArray[np.float32],
    threshold: float,
    whole: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    search = PairSearch(len(matrix), threshold)
    list(search.steps(matrix, build_index(matrix), whole))
    return search.pairs()


def near(matrix: npt.NDArray[np.float32], threshold: float) -> set[tuple[int, int]]:
    pairs, _, _ = near_pairs(matrix, threshold)
    return {(a, b) for a, b in pairs.tolist()}


def test_near_pairs_are_found(clusters: Clusters) -> None:
    matrix = clusters[0].astype(np.float32)
    random = np.random.default_rng(2)
    copies = matrix[[5, 5, 40]] + 0.01 * random.normal(size=(3, 64))
    matrix = np.concatenate([matrix, copies]).astype(np.float32)
    assert near(matrix, 0.98) == {(5, 600), (5, 601), (600, 601), (40, 602)}


def test_all_of_many_that_are_alike_are_paired() -> None:
    random = np.random.default_rng(3)
    matrix = np.concatenate([np.ones((300, 16)), random.normal(size=(100, 16))])
    matrix[:300] += 1e-3 * random.normal(size=(300, 16))
    found = near(matrix.astype(np.float32), 0.99)
    assert found == {(a, b) for b in range(300) for a in range(b)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.floats(0.5, 0.99), st.integers(0, 1000))
def test_near_pairs_are_those_of_brute_force(n: int, threshold: float, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    found = near(matrix, threshold)
    close = cosine(matrix, matrix) if n else np.zeros((0, 0))  # type: ignore[arg-type]
    for b in range(n):
        for a in range(b):
            if abs(close[a, b] - threshold) > 1e-5:
                assert ((a, b) in found) == (close[a, b] > threshold)


def test_candidates_by_leading_axes_are_compared_by_all(clusters: Clusters) -> None:
    """The first axes find twins; what differs in the others alone is no pair."""
    random = np.random.default_rng(4)
    short = clusters[0].astype(np.float32)
    rest = random.normal(size=(len(short), 64)).astype(np.float32)
    short[[7, 8]], rest[7] = short[[3, 4]], rest[3]  # 7 is a copy of 3, 8 looks but a little like 4
    whole = np.concatenate([short, rest], axis=1)
    pairs, cosines, nearest = near_pairs(short, 0.95, whole)
    expected = cosine(whole, whole)
    np.fill_diagonal(expected, -1)
    assert pairs.tolist() == [[3, 7]]
    assert cosines == pytest.approx([1.0], abs=1e-5)
    assert nearest[[3, 7]] == pytest.approx(expected.max(axis=1)[[3, 7]], abs=1e-5)
