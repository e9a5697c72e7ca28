"""The map by landmarks against the one of all images: seconds, and neighbours that stay neighbours.

    python benchmarks/map_landmarks.py [--sizes 20000 50000] [--sets pbc8 isic8] [--seeds 3]

Drawn vectors of each size, and real sets by the default backbone: UMAP of all images, and UMAP of
a share of them with the others placed among these. "Kept" is the share of an image's 15 nearest
neighbours that are among its 15 nearest on the map too (500 images); the difference is paired, with
its 95 % interval over the seeds, each of which draws another order (and so other landmarks) and
another layout.
"""

import argparse
import os
import time

import numpy as np
from _drawn import drawn
from _embeddings import embeddings, mean_and_half
from _scale_steps import neighbours_kept

from fewshot_lab.classifiers import Pool
from fewshot_lab.embeddings import umap_layout, umap_map


def measured(matrix: np.ndarray, landmarks: int, seed: int) -> tuple[float, float]:
    """Return processor seconds and what is kept; all images are laid out where no more are."""
    umap_layout.LANDMARKS, umap_layout.MANY = landmarks, landmarks
    began = time.process_time()
    xy = umap_map(matrix, seed=seed).xy
    seconds = time.process_time() - began
    return seconds, neighbours_kept(matrix, xy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 50_000])
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    sources = [(f"drawn {n:,}", drawn(n, 128)) for n in asked.sizes]
    for name in asked.sets:
        images = embeddings(name)
        sources.append((name, Pool(images.X, parts=images.parts).rotated))
    umap_map(sources[0][1][:1000])  # what numba compiles is not timed
    print(
        "| images | all: CPU s | kept | landmarks: CPU s | kept | difference | ratio of seconds |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, matrix in sources:
        n = len(matrix)
        runs = []
        for seed in range(asked.seeds):
            X = matrix[np.random.default_rng(seed).permutation(n)]
            runs.append((*measured(X, n, seed), *measured(X, int(asked.share * n), seed)))
        all_seconds, all_kept, seconds, some_kept = np.mean(runs, axis=0)
        apart, half = mean_and_half([run[3] - run[1] for run in runs])
        print(
            f"| {name}, {n:,} | {all_seconds:.0f} | {all_kept:.3f} | {seconds:.0f} | "
            f"{some_kept:.3f} | {apart:+.3f} ± {half:.3f} | {all_seconds / seconds:.1f} |",
            flush=True,
        )
    print(f"\n{os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
