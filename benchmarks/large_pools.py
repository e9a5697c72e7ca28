"""What of a refit and of near-duplicates grows with the images: seconds of a processor.

    python benchmarks/large_pools.py [--sizes 5000 100000 400000] [--pairs 8000]

Drawn coordinates of 256 axes in both views. "Probabilities" are those of all images by the average
of two linear classifiers; "suggestions" are 24. Then near-duplicates of some drawn vectors by
candidates of their leading axes against comparing all: seconds, pairs found, nearest found.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _drawn import drawn

from fewshot_lab.classifiers import Pool
from fewshot_lab.classifiers.models import Linear, TwoViews
from fewshot_lab.classifiers.probability_maps import Softmax
from fewshot_lab.project import near_duplicates
from fewshot_lab.sampling import suggest_by

K, AXES = 8, 256


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return processor seconds, the fewer of two runs, and what it returned."""
    best = np.inf
    for _ in range(2):
        began = time.process_time()
        out = work()
        best = min(best, time.process_time() - began)
    return float(best), out


def refit(n: int) -> None:
    random = np.random.default_rng(0)
    pool = Pool(random.standard_normal((500, AXES), dtype=np.float32))
    for view in (pool, pool.levelled):
        view.X = view.rotated = random.standard_normal((n, AXES), dtype=np.float32)
    weights = [random.standard_normal((AXES + 1, K)).astype(np.float32) * 0.1 for _ in range(2)]
    one = Softmax(1.0)
    views = [Linear.of(p, W, one) for p, W in zip((pool, pool.levelled), weights, strict=True)]
    scored, P = seconds(lambda: TwoViews(*views, one).pool_probabilities(pool))
    labelled = np.full(n, -1)
    labelled[:230] = np.append(np.arange(200) % 6, [6] * 30)
    ids, names = [str(i) for i in range(n)], [str(k) for k in range(K)]
    suggested, _ = seconds(
        lambda: suggest_by("mixed", pool, ids, labelled=labelled, eligible=np.ones(n, bool),
                           probabilities=P, class_ids=range(K), names=names, n=24, seed=1)
    )  # fmt: skip
    print(f"| {n:,} | {scored:.3f} | {suggested:.3f} |", flush=True)


def pairs(n: int) -> None:
    X = drawn(n, AXES).astype(np.float32)
    X -= X.mean(axis=0)
    rotated = np.ascontiguousarray(X @ np.linalg.eigh(X.T @ X)[1][:, ::-1])
    found = []
    for limit in (np.inf, 0.0):
        near_duplicates.EXACT = limit
        began = time.process_time()
        rows, _, nearest = near_duplicates.search_pairs(rotated, near_duplicates.FLOOR)
        found.append((time.process_time() - began, set(map(tuple, rows.tolist())), nearest))
    (all_s, truth, exact), (some_s, some, nearest) = found
    share, same = len(truth & some) / max(1, len(truth)), np.mean(abs(exact - nearest) < 1e-5)
    print(f"\n{n:,} images: all compared {all_s:.1f} s, {len(truth):,} pairs")
    print(f"by candidates {some_s:.1f} s, {share:.1%} of them, the nearest of {same:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[5_000, 100_000, 400_000])
    parser.add_argument("--pairs", type=int, default=8_000)
    asked = parser.parse_args()
    print("| images | probabilities | suggestions |\n|---|---|---|")
    for n in asked.sizes:
        refit(n)
    pairs(asked.pairs)


if __name__ == "__main__":
    main()
