"""The map against umap-learn on its own: time to the first picture, to UMAP, and memory.

    python benchmarks/map.py [--sizes 5000 20000 100000] [--dimensions 1280] [--without-umap-learn]

Vectors are drawn: clusters of different size and shape in 20 directions, with noise in all.
Each line is a process of its own, and its times begin before its imports. "Kept" is the share of
an image's 15 nearest neighbours that are among its 15 nearest on the map too (1,000 images).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BEGAN = time.perf_counter()
ROOT = Path(__file__).resolve().parent.parent
# Run from a checkout, without installing.
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from _drawn import drawn  # noqa: E402


def neighbours_kept(matrix: np.ndarray, xy: np.ndarray) -> float:
    """Return the share of neighbours that the map keeps."""
    rows = np.random.default_rng(1).choice(len(matrix), min(1000, len(matrix)), replace=False)
    unit = matrix.astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    shares = []
    for block in np.array_split(rows, 10):
        high = np.argpartition(-(unit[block] @ unit.T), 16, axis=1)[:, :16]
        squared = ((xy[block][:, None] - xy[None]) ** 2).sum(axis=2)
        low = np.argpartition(squared, 16, axis=1)[:, :16]
        shares += [
            len((set(a) & set(b)) - {row}) / 15
            for row, a, b in zip(block, high.tolist(), low.tolist(), strict=True)
        ]
    return float(np.mean(shares))


def ours(matrix: np.ndarray) -> dict[str, float]:
    from fewshot_lab.embeddings import load_map, make_map, open_embeddings
    from fewshot_lab.embeddings.shards import write_shard

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        prepared = time.perf_counter()
        ids = [f"{row:020x}" for row in range(len(matrix))]
        write_shard(base, ids, matrix, [], fingerprint="f" * 16, dtype="float32")
        preparing = time.perf_counter() - prepared
        first = 0.0

        def progress(stage: str, done: int, total: int | None) -> None:
            nonlocal first
            if not first and load_map(base / "map") is not None:
                first = time.perf_counter() - BEGAN - preparing

        embeddings = open_embeddings(base)
        made = make_map(embeddings, base / "map", progress=progress)
        whole = time.perf_counter() - BEGAN - preparing
        return {"first": first, "umap": whole, "kept": neighbours_kept(matrix, made.xy)}


def umap_alone(matrix: np.ndarray) -> dict[str, float]:
    import warnings

    warnings.simplefilter("ignore")
    import umap

    xy = umap.UMAP(metric="cosine", random_state=0).fit_transform(matrix.astype(np.float32))
    whole = time.perf_counter() - BEGAN
    return {"first": whole, "umap": whole, "kept": neighbours_kept(matrix, xy)}


def child(which: str, file: str) -> None:
    matrix = np.load(file)
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The measure of quality needs memory of its own, so the peak is taken before it.
    global neighbours_kept
    measure, peak = neighbours_kept, 0.0

    def after_peak(vectors: np.ndarray, xy: np.ndarray) -> float:
        nonlocal peak
        peak = max(peak_before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return measure(vectors, xy)

    neighbours_kept = after_peak
    said = ours(matrix) if which == "ours" else umap_alone(matrix)
    print(json.dumps(said | {"megabytes": peak / 1024}))


def run(which: str, file: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", which, str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    parser.add_argument("--dimensions", type=int, default=1280)
    parser.add_argument("--without-umap-learn", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(*asked.child)
        return
    print("| points | first picture | UMAP | memory | kept | umap-learn | memory | kept | ratio |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for n in asked.sizes:
            file = Path(folder) / "x.npy"
            np.save(file, drawn(n, asked.dimensions))
            one = run("ours", file)
            line = (
                f"| {n:,} | {one['first']:.1f} s | {one['umap']:.1f} s | "
                f"{one['megabytes']:.0f} MB | {one['kept']:.2f} | "
            )
            if asked.without_umap_learn:
                print(line + "- | - | - | - |", flush=True)
                continue
            other = run("umap-learn", file)
            print(
                line + f"{other['umap']:.1f} s | {other['megabytes']:.0f} MB | "
                f"{other['kept']:.2f} | {other['umap'] / one['umap']:.1f} |",
                flush=True,
            )
    print(f"\n{os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
