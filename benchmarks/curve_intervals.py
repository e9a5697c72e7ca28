"""How often do the 95 % intervals of the learning curve hold the truth? By simulation.

    python benchmarks/curve_intervals.py [--trials 400]

Every trial is a project of its own: two to four classes, easy or hard to tell apart, labels at
random, one by one or by patients of five images who differ. The truth of a point is the balanced
accuracy on 4,000 further images, as a mean over classifiers trained on as many of the labels; of
a point ahead, that of a classifier trained on as many labels. Printed is how often the interval
holds it: at the first and the last measured point, at all labels ("now"), at the farthest point
ahead, and for the recall of one class at the last measured point.
"""

import argparse
from collections import defaultdict

import numpy as np
from _embeddings import balanced_accuracy

from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.evaluation import learning_curve

DIMENSIONS, SIZE, SUBSETS = 16, 5, 6
POINTS = ("first", "last", "now", "ahead", "recall")


class World:
    """Classes that are clouds, and patients who move them."""

    def __init__(self, rng: np.random.Generator, patients: bool) -> None:
        self.rng = rng
        self.classes = int(rng.choice([2, 3, 4]))
        self.centres = rng.normal(size=(self.classes, DIMENSIONS)) * rng.uniform(0.35, 0.8)
        self.patients = patients
        self.spread = rng.uniform(0, 0.6) if patients else 0.0

    def images(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return embeddings, classes and patients of so many images."""
        group = np.arange(n) // (SIZE if self.patients else 1)
        moved = self.spread * self.rng.normal(size=(n, DIMENSIONS))[group]
        y = self.rng.integers(0, self.classes, n)
        X = self.centres[y] + moved + self.rng.normal(size=moved.shape)
        return X.astype(np.float32), y, group


def trial(n: int, patients: bool, seed: int) -> dict[str, bool]:
    """Return for each point whether its interval held the truth; {} where there is no curve."""
    rng = np.random.default_rng(seed)
    world = World(rng, patients)
    X, y, group = world.images(n)
    test, truth, _ = world.images(4000)
    pool = Pool(X)
    if len(np.unique(y)) < world.classes:
        return {}

    def trained(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return fit(X, y, name="lda", pool=pool).predict(test)

    def typical(size: int) -> tuple[float, float]:
        """Return the accuracy, and recall of class 0, of that many of the labels."""
        found = []
        for _ in range(20 * SUBSETS):
            order = np.argsort(rng.permutation(group.max() + 1)[group], kind="stable")[:size]
            if len(np.unique(y[order])) == world.classes:
                said = trained(X[order], y[order])
                found.append((balanced_accuracy(truth, said), (said[truth == 0] == 0).mean()))
            if len(found) == SUBSETS:
                break
        if not found:  # so few labels never hold all classes
            return float("nan"), float("nan")
        accuracy, recall = np.mean(found, axis=0)
        return float(accuracy), float(recall)

    curve = learning_curve(
        pool,
        np.arange(n),
        y,
        groups=np.array([f"p{g}" for g in group], dtype=object) if patients else None,
        parameters=fit(X, y, name="lda", pool=pool).parameters,
        repeats=4,
    )
    if curve is None or len(curve.classes) < world.classes:
        return {}
    far, ahead = curve.ahead[-1]
    more, classes, _ = world.images(far - n)
    accuracy, recall = typical(curve.sizes[-1])
    told = {
        "first": (curve.accuracy[0], typical(curve.sizes[0])[0]),
        "last": (curve.accuracy[-1], accuracy),
        "now": (dict(curve.ahead)[n], balanced_accuracy(truth, trained(X, y))),
        "ahead": (
            ahead,
            balanced_accuracy(truth, trained(np.concatenate([X, more]), np.append(y, classes))),
        ),
        "recall": (curve.classes[0].recall[-1], recall),
    }
    return {
        point: band.low <= real <= band.high
        for point, (band, real) in told.items()
        if not np.isnan(real)
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    trials = parser.parse_args().trials
    print(f"{'labels':>6}  {'drawn':<12}{''.join(f'{p:>9}' for p in POINTS)}   curves")
    for n in (20, 100, 500):
        for patients in (False, True):
            held = defaultdict(list)
            for seed in range(trials):
                for point, holds in trial(n, patients, seed).items():
                    held[point].append(holds)
            rates = "".join(f"{100 * np.mean(held[p]):8.1f}%" for p in POINTS)
            drawn = "by patients" if patients else "one by one"
            print(f"{n:>6}  {drawn:<12}{rates}   {len(held['last'])}", flush=True)


if __name__ == "__main__":
    with one_blas_thread():
        main()
