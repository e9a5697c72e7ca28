"""How many images of a pile are of the class of its top image, at several thresholds.

    python benchmarks/piles.py [--seeds 100 110] [--labels 10] [--sets NAME ...]

On each set so many images of every class are labelled at random, a classifier is fitted, and the
others are gathered into piles as the app does it: near-duplicates, and images that are near enough
and predicted alike, each with some least probability. "Near enough" is read from the pool: so many
spreads closer than an image usually is to its nearest neighbour (``closer_than_usual``). Printed
for each set, mean over seeds: the share of members that have the class of their pile's top image,
and the share of the images that need no key of their own.
"""

import argparse

import numpy as np
from _embeddings import Images, embeddings, sets

from fewshot_lab.classifiers import fit, one_blas_thread
from fewshot_lab.embeddings import build_index
from fewshot_lab.evaluation import closer_than_usual, near_threshold
from fewshot_lab.project.near_duplicates import find_near
from fewshot_lab.sampling import find_piles

RULES = [(spreads, least) for spreads in (1.0, 0.5, 0.0, -0.5) for least in (0.0, 0.8, 0.9)]
"""Spreads closer than usual, and the least probability of a member."""


def figures(images: Images, seeds: range, labels: int) -> np.ndarray:
    """Return for each rule the share of members of the top's class and the share spared (r, 2)."""
    pool, y = images.pool(), images.y
    index = build_index(pool.rotated)
    nearest = index.search(pool.rotated, 2)[0][:, 1]
    near_duplicate = near_threshold(nearest).value
    at = [max(0.4, closer_than_usual(nearest, spreads)) for spreads, _ in RULES]
    _, _, pairs, cosines, _ = find_near(range(len(y)), pool.rotated, min(at))
    counts = np.zeros((len(RULES), 3))
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(y))
        rows = np.concatenate([order[y[order] == k][:labels] for k in range(len(images.classes))])
        fitted = fit(pool.X[rows], y[rows], pool=pool, rows=rows, quick=True)
        probabilities = fitted.pool_probabilities(pool)
        predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
        alike = predicted[pairs[:, 0]] == predicted[pairs[:, 1]]
        free = np.ones(len(y), dtype=bool)
        free[rows] = False
        for r, (_, least) in enumerate(RULES):
            kept = (cosines >= at[r]) & alike & (sure[pairs] >= least).all(axis=1)
            kept |= cosines >= near_duplicate
            for pile in find_piles(pairs[kept], free, cosines[kept]):
                counts[r, :2] += (y[pile[1:]] == y[pile[0]]).sum(), len(pile) - 1
            counts[r, 2] += free.sum()
    pure = np.where(counts[:, 1] > 0, counts[:, 0] / np.maximum(counts[:, 1], 1), np.nan)
    return np.stack([pure, counts[:, 1] / np.maximum(counts[:, 2], 1)], axis=1)


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 110), metavar=("FROM", "TO"))
    parser.add_argument("--labels", type=int, default=10, help="of each class")
    parser.add_argument("--sets", nargs="+", default=sets())
    options = parser.parse_args()
    head = "  ".join(f"{s:+.1f} {100 * c:3.0f} %" for s, c in RULES)
    print(f"{'of the top class / spared':>26}  {head}")
    found = {}
    for name in options.sets:
        with one_blas_thread():
            found[name] = figures(embeddings(name), range(*options.seeds), options.labels)
        show(name, found[name])
    every = np.array(list(found.values()))
    show("median", np.nanmedian(every, axis=0))
    show("lowest", np.nanmin(every, axis=0))


def show(name: str, shares: np.ndarray) -> None:
    """Print one line, in percent."""
    cells = "  ".join(f"{100 * p:5.1f}/{100 * s:3.0f}" for p, s in shares)
    print(f"{name:>26}  {cells}", flush=True)


if __name__ == "__main__":
    main()
