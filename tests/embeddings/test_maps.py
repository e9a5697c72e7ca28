"""The map: the same for the same seed, neighbours stay together, nothing moves unasked."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from fewshot_lab.embeddings import (
    Layout,
    Map,
    build_index,
    load_map,
    make_map,
    map_stamp,
    open_embeddings,
    pca_map,
    place_new,
    save_map,
    umap_layout,
    umap_map,
)
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError, Stopped

pytestmark = pytest.mark.slow

Clusters = tuple[npt.NDArray[np.float16], npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def layout(clusters: Clusters) -> Layout:
    return umap_map(clusters[0])


def unit(matrix: npt.NDArray[np.float16]) -> np.ndarray:
    matrix = matrix.astype(np.float64)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_pca_is_sklearns_up_to_scale(clusters: Clusters) -> None:
    xy = pca_map(clusters[0])
    truth = PCA(2).fit_transform(unit(clusters[0]))
    for axis in (0, 1):
        assert abs(np.corrcoef(xy[:, axis], truth[:, axis])[0, 1]) > 0.9999
    assert (
        abs(np.std(xy, axis=0)[1] / np.std(xy, axis=0)[0] - truth.std(0)[1] / truth.std(0)[0])
        < 1e-3
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 20])
def test_few_images_have_a_map_too(n: int) -> None:
    matrix = np.random.default_rng(n).normal(size=(n, 32)).astype(np.float16)
    xy = pca_map(matrix)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()
    made = umap_map(matrix)
    assert made.xy.shape == (n, 2)
    assert np.isfinite(made.xy).all()
    assert made.method == ("umap" if n >= 16 else "pca")
    assert len(np.unique(made.xy, axis=0)) == n


def test_twenty_times_the_same_image() -> None:
    matrix = np.ones((20, 32), np.float16)
    made = umap_map(matrix)
    assert np.isfinite(made.xy).all()


def test_one_seed_one_map(clusters: Clusters, layout: Layout) -> None:
    again = umap_map(clusters[0])
    assert np.array_equal(again.xy, layout.xy)
    other = umap_map(clusters[0], seed=1)
    assert not np.array_equal(other.xy, layout.xy)


def test_the_same_map_in_another_process(
    tmp_path: Path, clusters: Clusters, layout: Layout
) -> None:
    np.save(tmp_path / "x.npy", clusters[0])
    code = (
        "import sys, numpy as np\n"
        "from fewshot_lab.embeddings import umap_map\n"
        "x = np.load(sys.argv[1])\n"
        "np.save(sys.argv[2], umap_map(x).xy)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.npy"), str(tmp_path / "xy.npy")]
    subprocess.run(command, check=True)
    assert np.array_equal(np.load(tmp_path / "xy.npy"), layout.xy)


def test_umap_keeps_neighbours_together(clusters: Clusters, layout: Layout) -> None:
    vectors = unit(clusters[0])
    assert trustworthiness(vectors, layout.xy, n_neighbors=10) > 0.85
    assert trustworthiness(vectors, layout.xy) > trustworthiness(vectors, pca_map(clusters[0]))


def test_a_map_of_many_is_laid_out_by_landmarks_and_as_good(
    clusters: Clusters, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(umap_layout, "MANY", 500)
    monkeypatch.setattr(umap_layout, "LANDMARKS", 200)
    told: list[tuple[str, int, int | None]] = []
    matrix, which = clusters
    made = umap_map(matrix, progress=lambda *step: told.append(step))
    landmarks = np.linspace(0, 599, 200).astype(np.int64)
    assert np.array_equal(made.xy[landmarks], umap_map(matrix[landmarks]).xy)
    assert np.isfinite(made.xy).all()
    assert ("placing", 600, 600) in told
    assert trustworthiness(unit(matrix), made.xy, n_neighbors=10) > 0.8
    centres = np.stack([np.median(made.xy[which == k], axis=0) for k in range(6)])
    nearest = ((made.xy[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == which).mean() > 0.99
    assert np.array_equal(made.xy, umap_map(matrix).xy)


def test_settings_matter_and_are_checked(clusters: Clusters, layout: Layout) -> None:
    matrix = clusters[0]
    assert not np.array_equal(umap_map(matrix, neighbours=40).xy, layout.xy)
    with pytest.raises(FewshotLabError, match="2 to 200"):
        umap_map(matrix, neighbours=1)
    with pytest.raises(FewshotLabError, match="min_dist"):
        umap_map(matrix, min_dist=1.5)


def test_progress_goes_through_the_epochs_and_can_stop(clusters: Clusters) -> None:
    seen: list[tuple[str, int, int | None]] = []
    umap_map(clusters[0], progress=lambda *told: seen.append(told))
    assert {stage for stage, _, _ in seen} == {"neighbours", "layout"}
    assert seen[-1] == ("layout", 500, 500)

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "layout":
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        umap_map(clusters[0], progress=stop)


def test_new_images_land_among_their_own(clusters: Clusters) -> None:
    matrix, which = clusters
    old = np.arange(600) % 3 > 0
    layout = umap_map(matrix[old])
    placed = place_new(layout.xy, build_index(matrix[old]), matrix[~old])
    assert placed.shape == (200, 2)
    assert placed.dtype == np.float32
    centres = np.stack([layout.xy[which[old] == c].mean(axis=0) for c in range(6)])
    nearest = np.linalg.norm(placed[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == which[~old]).mean() > 0.97


def test_a_copy_lands_near_its_original(clusters: Clusters, layout: Layout) -> None:
    placed = place_new(layout.xy, build_index(clusters[0]), clusters[0][:50])
    width = np.ptp(layout.xy, axis=0).max()
    assert np.median(np.linalg.norm(placed - layout.xy[:50], axis=1)) < 0.05 * width


# -- on disk ---------------------------------------------------------------------------------


def store(folder: Path, matrix: npt.NDArray[np.float16], start: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    ids = [f"{start + row:020x}" for row in range(len(matrix))]
    write_shard(folder, ids, matrix, [], fingerprint="f" * 16, dtype="float32")


def test_a_map_survives_the_disk(tmp_path: Path) -> None:
    made = Map(["a", "b"], np.array([[1, 2], [3, 4]], np.float32), "umap", {"seed": 3}, "abc")
    assert load_map(tmp_path) is None
    assert map_stamp(tmp_path) is None
    save_map(tmp_path, made)
    read = load_map(tmp_path)
    assert read is not None
    assert (read.ids, read.method, read.settings, read.fingerprint) == (
        ["a", "b"],
        "umap",
        {"seed": 3},
        "abc",
    )
    assert np.array_equal(read.xy, made.xy)
    before = map_stamp(tmp_path)
    save_map(tmp_path, replace(made, method="pca"))
    assert map_stamp(tmp_path) != before
    assert [path.name for path in tmp_path.iterdir()] == ["map.npz"]


def test_a_damaged_map_counts_as_none(tmp_path: Path) -> None:
    for content in (b"", b"rubbish", b"PK\x03\x04 half"):
        (tmp_path / "map.npz").write_bytes(content)
        assert load_map(tmp_path) is None


def test_pca_is_there_first_then_umap(tmp_path: Path, clusters: Clusters) -> None:
    store(tmp_path / "e", clusters[0])
    embeddings = open_embeddings(tmp_path / "e")
    met: list[str] = []

    def look(stage: str, done: int, total: int | None) -> None:
        if total is not None:
            made = load_map(tmp_path / "m")
            met.append(made.method if made else "none")

    made = make_map(embeddings, tmp_path / "m", progress=look)
    assert set(met) == {"pca"}
    assert made.method == "umap"
    assert made.ids == embeddings.ids
    assert made.fingerprint == "f" * 16


def test_new_images_move_nothing(tmp_path: Path, clusters: Clusters) -> None:
    store(tmp_path / "e", clusters[0][:400])
    embeddings = open_embeddings(tmp_path / "e")
    first = make_map(embeddings, tmp_path / "m")
    stamp = map_stamp(tmp_path / "m")
    assert make_map(embeddings, tmp_path / "m").ids == first.ids
    assert map_stamp(tmp_path / "m") == stamp

    for start, stop in ((400, 500), (500, 600)):
        store(tmp_path / "e", clusters[0][start:stop], start)
        embeddings.reload()
        made = make_map(embeddings, tmp_path / "m")
        assert made.ids == embeddings.ids
        assert np.array_equal(made.xy[:400], first.xy)
        assert made.method == "umap"

    fresh = make_map(embeddings, tmp_path / "m", fresh=True)
    assert not np.array_equal(fresh.xy[:400], first.xy)


def test_the_order_of_an_import_changes_nothing(tmp_path: Path, clusters: Clusters) -> None:
    ids = [f"{row:020x}" for row in range(len(clusters[0]))]
    made = []
    for name, order in (
        ("a", np.arange(len(ids))),
        ("b", np.random.default_rng(0).permutation(len(ids))),
    ):
        (tmp_path / name).mkdir()
        for part in np.array_split(order, 3):
            write_shard(
                tmp_path / name,
                [ids[i] for i in part],
                clusters[0][part],
                [],
                fingerprint="f" * 16,
                dtype="float32",
            )
        made.append(make_map(open_embeddings(tmp_path / name), tmp_path / f"map-{name}"))
    assert made[0].ids == made[1].ids
    assert np.array_equal(made[0].xy, made[1].xy)


def test_other_settings_lay_out_anew(tmp_path: Path, clusters: Clusters) -> None:
    store(tmp_path / "e", clusters[0])
    embeddings = open_embeddings(tmp_path / "e")
    first = make_map(embeddings, tmp_path / "m")
    other = make_map(embeddings, tmp_path / "m", min_dist=0.5)
    assert other.settings["min_dist"] == 0.5
    assert not np.array_equal(first.xy, other.xy)


def test_a_map_stopped_half_way_leaves_the_pca_map(tmp_path: Path, clusters: Clusters) -> None:
    store(tmp_path / "e", clusters[0])
    embeddings = open_embeddings(tmp_path / "e")

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "layout" and total is not None:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        make_map(embeddings, tmp_path / "m", progress=stop)
    left = load_map(tmp_path / "m")
    assert left is not None
    assert left.method == "pca"
    assert make_map(embeddings, tmp_path / "m").method == "umap"


def test_a_map_much_outgrown_is_laid_out_anew(tmp_path: Path, clusters: Clusters) -> None:
    store(tmp_path / "e", clusters[0][::30])
    embeddings = open_embeddings(tmp_path / "e")
    make_map(embeddings, tmp_path / "m")
    store(tmp_path / "e", clusters[0], 100)
    embeddings.reload()
    made = make_map(embeddings, tmp_path / "m")
    assert made.settings["laid_out"] == 620
