"""Labels needed to reach a balanced accuracy: each way of choosing them against random.

    python benchmarks/strategies.py [--draws 10] [--budget 400] [--peers]

Every draw holds out a third of the images, starts with no label, and lets each strategy choose
batches of 20 from the rest (no audit share: that is random for all alike). After each batch the
same classifier is fitted (LDA, LogReg, whichever cross-validation prefers). What is printed is the
median number of labels at which the mean curve first reaches a balanced accuracy, the ratio to
random, and the accuracy at some budgets with its 95 % interval over the draws.

``--peers`` adds strategies of scikit-activeml, on the same features and classifier.
"""

import argparse
import warnings
from collections.abc import Callable

import numpy as np
from _embeddings import balanced_accuracy, embeddings, mean_and_half, split

from fewshot_lab.active import suggest
from fewshot_lab.classifiers import Pool, fit, one_blas_thread

STEP = 20
AT = (20, 40, 80, 160, 240, 320, 400)
Chosen = Callable[[Pool, np.ndarray, np.ndarray | None, np.ndarray, int], np.ndarray]


def random(
    pool: Pool, labels: np.ndarray, p: np.ndarray | None, class_ids: np.ndarray, seed: int
) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.flatnonzero(labels < 0))[:STEP]


def ours(
    pool: Pool, labels: np.ndarray, p: np.ndarray | None, class_ids: np.ndarray, seed: int
) -> np.ndarray:
    column = {int(c): k for k, c in enumerate(class_ids)}
    labelled = np.array([column.get(int(c), 0) if c >= 0 else -1 for c in labels])
    found = suggest(
        pool,
        [str(i) for i in range(len(pool))],
        labelled=labelled,
        eligible=labels < 0,
        probabilities=p,
        class_ids=[int(c) for c in class_ids],
        names=[str(c) for c in class_ids],
        n=STEP,
        seed=seed,
    )
    return np.array([int(s.image_id) for s in found])


def doubt(kind: str) -> Chosen:
    """Return plain uncertainty sampling: no cold start, no diversity."""

    def choose(
        pool: Pool, labels: np.ndarray, p: np.ndarray | None, class_ids: np.ndarray, seed: int
    ) -> np.ndarray:
        if p is None:
            return random(pool, labels, p, class_ids, seed)
        rows = np.flatnonzero(labels < 0)
        q = np.sort(p[rows], axis=1)
        value = q[:, -2] - q[:, -1] if kind == "margin" else -(q * np.log(q + 1e-9)).sum(axis=1)
        return rows[np.argsort(-value)[:STEP]]

    return choose


def peer(name: str) -> Chosen:
    """Return a strategy of scikit-activeml (BSD-3)."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge, CoreSet, ProbCover, TypiClust

    class Given(SkactivemlClassifier):
        """Hand our probabilities to it."""

        def __init__(self, p=None, classes=None, missing_label=np.nan, random_state=None):
            super().__init__(classes=classes, missing_label=missing_label)
            self.p = p

        def fit(self, X, y, sample_weight=None):
            self.classes_ = np.arange(self.p.shape[1])
            return self

        def predict_proba(self, X):
            return self.p[X[:, -1].astype(int)]

    def choose(
        pool: Pool, labels: np.ndarray, p: np.ndarray | None, class_ids: np.ndarray, seed: int
    ) -> np.ndarray:
        X = pool.rotated[:, :64].astype(np.float64)
        y = np.where(labels < 0, np.nan, labels)
        kinds = {"TypiClust": TypiClust, "CoreSet": CoreSet, "ProbCover": ProbCover}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name == "BADGE":
                if p is None:
                    return random(pool, labels, p, class_ids, seed)
                rows = np.concatenate([X, np.arange(len(X))[:, None]], axis=1)
                clf = Given(p, classes=np.arange(p.shape[1]))
                query = Badge(random_state=seed, clf_embedding_flag_name=None)
                return query.query(rows, y, clf, fit_clf=True, batch_size=STEP)
            return kinds[name](random_state=seed).query(X, y, batch_size=STEP)

    return choose


def curve(X: np.ndarray, y: np.ndarray, choose: Chosen, seed: int, budget: int) -> list[float]:
    """Return the balanced accuracy on held-out images after each batch."""
    rest, test = split(y, seed)
    pool = Pool(X[rest])
    truth = y[rest]
    labels = np.full(len(rest), -1)
    p, class_ids = None, np.empty(0, dtype=int)
    out = []
    for step in range(budget // STEP):
        rows = choose(pool, labels, p, class_ids, 1000 * seed + step)
        labels[rows] = truth[rows]
        known = np.flatnonzero(labels >= 0)
        if len(np.unique(labels[known])) < 2:
            out.append(1 / len(np.unique(y)))
            continue
        fitted = fit(pool.X[known], labels[known], pool=pool, rows=known, quick=True)
        p, class_ids = fitted.pool_probabilities(pool), fitted.class_ids
        out.append(balanced_accuracy(y[test], fitted.predict(X[test])))
    return out


def reached(mean: np.ndarray, target: float) -> float:
    """Return the labels at which a curve first reaches a target, between batches by line."""
    above = np.flatnonzero(mean >= target)
    if not len(above):
        return float("nan")
    i = int(above[0])
    if i == 0:
        return STEP
    share = (target - mean[i - 1]) / (mean[i] - mean[i - 1])
    return STEP * (i + share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--peers", action="store_true", help="scikit-activeml's too")
    options = parser.parse_args()
    kinds: dict[str, Chosen] = {
        "random": random,
        "ours": ours,
        "margin": doubt("margin"),
        "entropy": doubt("entropy"),
    }
    if options.peers:
        kinds |= {n: peer(n) for n in ("TypiClust", "CoreSet", "ProbCover", "BADGE")}
    at = [n for n in AT if n <= options.budget]
    for name in options.sets:
        X, y, _ = embeddings(name)
        curves = {}
        print(f"\n{name}: balanced accuracy at n labels, mean of {options.draws} draws ± 95 %")
        print(f"{'strategy':>10} " + " ".join(f"{n:>13}" for n in at), flush=True)
        with one_blas_thread():
            for kind, choose in kinds.items():
                curves[kind] = np.array(
                    [curve(X, y, choose, seed, options.budget) for seed in range(options.draws)]
                )
                cells = (mean_and_half(curves[kind][:, n // STEP - 1].tolist()) for n in at)
                row = " ".join("{:>6.3f} ±{:.3f}".format(*c) for c in cells)
                print(f"{kind:>10} {row}", flush=True)
        base = curves["random"].mean(axis=0)
        targets = [round(float(base[n // STEP - 1]), 2) for n in at[1:]]
        print("\nlabels needed, and as a share of what random needs")
        print(f"{'strategy':>10} " + " ".join(f"{'BA ' + format(t, '.2f'):>12}" for t in targets))
        for kind, found in curves.items():
            mean = found.mean(axis=0)
            row = " ".join(
                f"{reached(mean, t):>5.0f} ({reached(mean, t) / reached(base, t):.2f})"
                for t in targets
            )
            print(f"{kind:>10} {row}", flush=True)


if __name__ == "__main__":
    main()
