"""Labels needed to reach a balanced accuracy: each way of choosing them against random.

    python benchmarks/strategies.py [--draws 10] [--budget 400] [--peers]

The replay of ``python -m fewshot_lab evaluate replay`` on real images: every draw holds out a
third of them, starts with no label, and lets each strategy choose batches of 20 from the rest (no
audit share: that is random for all alike). After each batch the same classifier is fitted (LDA,
LogReg, whichever cross-validation prefers). Printed: the accuracy at some budgets, the mean gain
over random, and the labels at which the mean curve first reaches a balanced accuracy, as a share
of what random needs; intervals of 95 %.

``--peers`` adds strategies of scikit-activeml, on the same features and classifier.

``--pair`` asks instead what "Tell two classes apart" is worth: 10 labels for each class by the
default strategy, then the pair that cross-validation confuses most, then 40 labels more, in two
batches, by images between the two, by the default, and at random. Printed for the images held out:
how often the right one of the two has the higher probability, how often the two are found among
all classes, and the balanced accuracy of all, each as a mean over classes.
"""

import argparse
import warnings
from collections import Counter
from copy import copy
from typing import Any

import numpy as np
from _embeddings import balanced_accuracy, embeddings, split, with_doubt

from fewshot_lab.classifiers import Fitted, Pool, fit, one_blas_thread
from fewshot_lab.evaluation import Choose, ReplayPlan, cross_validation, replay
from fewshot_lab.sampling import STRATEGIES, Suggestion, suggest_between, suggest_by

AT = (20, 40, 80, 160, 240, 320, 400)


def peer(name: str) -> Choose:
    """Return a strategy of scikit-activeml (BSD-3)."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge, CoreSet, ProbCover, TypiClust

    class FixedProbabilities(SkactivemlClassifier):
        """Hand our probabilities to it."""

        def __init__(self, p=None, classes=None, missing_label=np.nan, random_state=None):
            super().__init__(classes=classes, missing_label=missing_label)
            self.p = p

        def fit(self, X, y, sample_weight=None):
            self.classes_ = np.arange(self.p.shape[1])
            return self

        def predict_proba(self, X):
            return self.p[X[:, -1].astype(int)]

    kinds = {"TypiClust": TypiClust, "CoreSet": CoreSet, "ProbCover": ProbCover}

    def choose(
        strategy: str,
        pool: Pool,
        ids: list[str],
        *,
        labelled: np.ndarray,
        eligible: np.ndarray,
        probabilities: np.ndarray | None,
        n: int,
        seed: int,
        **rest: Any,
    ) -> list[Suggestion]:
        X = pool.rotated[:, :64].astype(np.float64)
        y = np.where(labelled < 0, np.nan, labelled)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name != "BADGE":
                rows = kinds[name](random_state=seed).query(X, y, batch_size=n)
            elif probabilities is None:
                rows = np.random.default_rng(seed).permutation(np.flatnonzero(eligible))[:n]
            else:
                placed = np.concatenate([X, np.arange(len(X))[:, None]], axis=1)
                clf = FixedProbabilities(probabilities, classes=np.arange(probabilities.shape[1]))
                query = Badge(random_state=seed, clf_embedding_flag_name=None)
                rows = query.query(placed, y, clf, fit_clf=True, batch_size=n)
        return [Suggestion(ids[r], name, name) for r in rows]

    return choose


def by_pair(pair: tuple[int, int]) -> Choose:
    """Return a strategy that dwells on two classes, filled up by the default as in the app."""

    def choose(strategy: str, pool: Pool, ids: list[str], **state: Any) -> list[Suggestion]:
        n, seed = state.pop("n"), state.pop("seed")
        found = suggest_between(pair, pool, ids, n=n, **state)
        eligible = state.pop("eligible").copy()
        eligible[[int(each.image_id) for each in found]] = False
        rest = n - len(found)
        return found + suggest_by("mixed", pool, ids, eligible=eligible, n=rest, seed=seed, **state)

    return choose


class Labelling:
    """Some images with labels, and the classifier that learnt from them."""

    def __init__(self, pool: Pool, truth: np.ndarray):
        self.pool, self.truth = pool, truth
        self.label = np.full(len(truth), -1)
        self.ids = [str(i) for i in range(len(truth))]
        self.fitted: Fitted | None = None

    def more(self, choose: Choose, name: str, n: int, seed: int) -> None:
        """Label n images more, and learn from all."""
        known: dict[str, Any] = {"probabilities": None, "class_ids": [], "names": []}
        column = np.zeros(int(self.truth.max()) + 1, dtype=np.int64)
        if self.fitted is not None:
            class_ids = self.fitted.class_ids.tolist()
            column[class_ids] = np.arange(len(class_ids))
            names = [str(c) for c in class_ids]
            p = self.fitted.pool_probabilities(self.pool)
            known = {"probabilities": p, "class_ids": class_ids, "names": names}
        labelled = np.where(self.label < 0, -1, column[self.label])
        found = choose(
            name, self.pool, self.ids, labelled=labelled, eligible=self.label < 0, n=n, seed=seed,
            **known,
        )  # fmt: skip
        rows = np.array([int(each.image_id) for each in found], dtype=np.int64)
        self.label[rows] = self.truth[rows]
        rows = np.flatnonzero(self.label >= 0)
        if len(np.unique(self.label[rows])) > 1:
            self.fitted = fit(
                self.pool.X[rows], self.label[rows], pool=self.pool, rows=rows, quick=True,
                plain=True,
            )  # fmt: skip

    def confused(self) -> tuple[int, int]:
        """Return the two classes that cross-validation takes for each other most."""
        assert self.fitted is not None
        rows = np.flatnonzero(self.label >= 0)
        cv = cross_validation(self.fitted, [self.ids[r] for r in rows], None)
        shares = cv.confusion / np.maximum(cv.confusion.sum(axis=1, keepdims=True), 1)
        both = np.triu(shares + shares.T, 1)
        a, b = np.unravel_index(int(both.argmax()), both.shape)
        return int(cv.class_ids[a]), int(cv.class_ids[b])

    def figures(self, X: np.ndarray, y: np.ndarray, pair: tuple[int, int]) -> list[float]:
        """Return told apart, the two among all, all: balanced, in points."""
        assert self.fitted is not None
        p = self.fitted.probabilities(X)
        columns = [self.fitted.class_ids.tolist().index(c) for c in pair]
        two = np.isin(y, pair)
        apart = np.array(pair)[p[:, columns].argmax(axis=1)]
        predicted = self.fitted.class_ids[p.argmax(axis=1)]
        sides = (y[two], apart[two]), (y[two], predicted[two]), (y, predicted)
        return [100 * balanced_accuracy(*side) for side in sides]


def tell_apart(name: str, draws: int) -> None:
    """Print what 40 labels are worth by each way, and the differences."""
    images = embeddings(name)
    X = images.pool().rotated
    ways = ("between the two", "mixed", "random")
    figures = np.zeros((draws, len(ways), 3))
    pairs = Counter()
    for draw in range(draws):
        rest, test = split(images.y, 1000 + draw)
        start = Labelling(Pool(X[rest]), images.y[rest])
        for batch in range(len(images.classes) // 2):
            start.more(suggest_by, "mixed", 20, batch)
        pair = start.confused()
        pairs[" / ".join(images.classes[c] for c in pair)] += 1
        for w, way in enumerate(ways):
            one = copy(start)
            one.label = start.label.copy()
            for batch in range(2):
                choose = by_pair(pair) if way == ways[0] else suggest_by
                one.more(choose, way, 20, 100 + batch)
            figures[draw, w] = one.figures(X[test], images.y[test], pair)
    print(f"\n{name}: most confused {', '.join(f'{k} ({n})' for k, n in pairs.most_common(3))}")
    print(f"{'':>28}  told apart          the two among all   all classes")
    lines = [(way, figures[:, w]) for w, way in enumerate(ways)]
    lines += [
        (f"{ways[0]} less {way}", figures[:, 0] - figures[:, w])
        for w, way in enumerate(ways[1:], 1)
    ]
    for words, values in lines:
        sign = "+" if "less" in words else ""
        cells = [with_doubt(list(v), sign, overlap=0.5).ljust(18) for v in values.T]
        print(f"{words:>28}  {'  '.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--peers", action="store_true", help="scikit-activeml's too")
    parser.add_argument("--pair", action="store_true", help="what telling two apart is worth")
    options = parser.parse_args()
    if options.pair:
        with one_blas_thread():
            for name in options.sets:
                tell_apart(name, options.draws)
        return
    others = {}
    if options.peers:
        others = {name: peer(name) for name in ("TypiClust", "CoreSet", "ProbCover", "BADGE")}
    plan = ReplayPlan(tuple(STRATEGIES), options.draws, options.budget, step=20)
    for name in options.sets:
        images = embeddings(name)
        with one_blas_thread():
            found = replay(images.pool().rotated, images.y, plan=plan, others=others)
        print(f"\n{name}: balanced accuracy at n labels, mean of {options.draws} draws")
        at = [n for n in AT if n <= found["budget"]]
        print(f"{'strategy':>10} " + " ".join(f"{n:>19}" for n in at))
        for row in found["strategies"]:
            points = {p["labels"]: p for p in row["curve"]}
            cells = [
                "{:.3f} ({:.3f}-{:.3f})".format(
                    points[n]["balanced_accuracy"], *points[n]["interval"]
                )
                for n in at
            ]
            print(f"{row['strategy']:>10} " + " ".join(cells))
        print("\nmean gain over random in points; labels needed as a share of what random needs")
        for row in found["strategies"]:
            gain = {key: 100 * v for key, v in row["than_random"].items()}
            cells = [
                f"BA {c['accuracy']:.2f}: "
                + (
                    "not sure"
                    if c["share"] is None
                    else "{value:.2f} ({low:.2f}-{high:.2f})".format(**c["share"])
                )
                for c in row["cost"]
            ]
            print(
                f"{row['strategy']:>10} {gain['value']:+.1f} ({gain['low']:+.1f} to "
                f"{gain['high']:+.1f})  " + "  ".join(cells),
                flush=True,
            )


if __name__ == "__main__":
    main()
