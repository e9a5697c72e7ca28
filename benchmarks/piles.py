"""How many images of a pile are of the class of its top image, at several thresholds.

    python benchmarks/piles.py [--seeds 100 110] [--labels 10] [--sets NAME ...]

On each set so many images of every class are labelled at random, a classifier is fitted, and the
others are gathered into piles as the app does it: images that are near-duplicates, or predicted
alike and near enough. "Near enough" is read from the pool: an image's usual distance to its
nearest neighbour, so many spreads less (see ``near_threshold``). Printed for each set, mean over
seeds: the share of members that have the class of their pile's top image, and the share of the
images that need no key of their own; for each threshold and each least confidence of a member.
"""

import argparse

import numpy as np
from _embeddings import embeddings, sets

from fewshot_lab.classifiers import fit, one_blas_thread
from fewshot_lab.embeddings import build_index, near_pairs
from fewshot_lab.evaluation import near_threshold
from fewshot_lab.sampling import find_piles

SPREADS = (3.0, 2.0, 1.5, 1.0, 0.5)
CONFIDENCES = (0.0, 0.8, 0.9)


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 110), metavar=("FROM", "TO"))
    parser.add_argument("--labels", type=int, default=10, help="of each class")
    parser.add_argument("--sets", nargs="+", default=sets())
    options = parser.parse_args()
    rules = [(s, c) for s in SPREADS for c in CONFIDENCES]
    pure: dict[tuple[float, float], list[float]] = {rule: [] for rule in rules}
    spared: dict[tuple[float, float], list[float]] = {rule: [] for rule in rules}
    head = "  ".join(f"{s:.1f}/{100 * c:.0f} %" for s, c in rules)
    print(f"{'spreads / least confidence':>28}  {head}")
    for name in options.sets:
        images = embeddings(name)
        with one_blas_thread():
            pool = images.pool()
            index = build_index(pool.rotated)
            nearest = index.search(pool.rotated, 2)[0][:, 1]
            pairs, cosines = near_pairs(pool.rotated, index, 0.5)
            at = {s: near_threshold(nearest, s).value for s in SPREADS}
            shares = np.full((options.seeds[1] - options.seeds[0], len(rules), 2), np.nan)
            for i, seed in enumerate(range(*options.seeds)):
                rng = np.random.default_rng(seed)
                rows = np.concatenate(
                    [
                        rng.permutation(np.flatnonzero(images.y == k))[: options.labels]
                        for k in range(len(images.classes))
                    ]
                )
                fitted = fit(pool.X[rows], images.y[rows], pool=pool, rows=rows, quick=True)
                probabilities = fitted.pool_probabilities(pool)
                predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
                alike = predicted[pairs[:, 0]] == predicted[pairs[:, 1]]
                free = np.ones(len(pool), dtype=bool)
                free[rows] = False
                for r, (s, c) in enumerate(rules):
                    kept = (cosines >= at[3.0]) | ((cosines >= at[s]) & alike & (sure[pairs] >= c).all(axis=1))
                    piles = find_piles(pairs[kept], free, cosines[kept])
                    if piles:
                        same = sum(int((images.y[p[1:]] == images.y[p[0]]).sum()) for p in piles)
                        members = sum(len(p) - 1 for p in piles)
                        shares[i, r] = same / members, members / free.sum()
                    else:
                        shares[i, r, 1] = 0
        with np.errstate(all="ignore"):
            mean = np.array([[np.nanmean(c) if np.isfinite(c).any() else np.nan for c in rule.T] for rule in shares.transpose(1, 0, 2)])
        for rule, (p, s) in zip(rules, mean, strict=True):
            pure[rule].append(p)
            spared[rule].append(s)
        cells = "  ".join(f"{100 * p:4.1f}/{100 * s:2.0f}".rjust(8) for p, s in mean)
        print(f"{name:>28}  {cells}", flush=True)
    for word, of in (("median", np.nanmedian), ("lowest", np.nanmin)):
        cells = "  ".join(f"{100 * of(pure[r]):4.1f}/{100 * np.median(spared[r]):2.0f}".rjust(8) for r in rules)
        print(f"{word:>28}  {cells}")


if __name__ == "__main__":
    main()
