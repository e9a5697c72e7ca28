"""Labels needed to reach a balanced accuracy: each way of choosing them against random.

    python benchmarks/strategies.py [--draws 10] [--budget 400] [--peers]

The replay of ``python -m fewshot_lab evaluate replay`` on real images: every draw holds out a
third of them, starts with no label, and lets each strategy choose batches of 20 from the rest (no
audit share: that is random for all alike). After each batch the same classifier is fitted (LDA,
LogReg, whichever cross-validation prefers). Printed: the accuracy at some budgets, the mean gain
over random, and the labels at which the mean curve first reaches a balanced accuracy, as a share
of what random needs; intervals of 95 %.

``--peers`` adds strategies of scikit-activeml, on the same features and classifier.
"""

import argparse
import warnings
from typing import Any

import numpy as np
from _embeddings import embeddings

from fewshot_lab.classifiers import Pool, one_blas_thread
from fewshot_lab.evaluation import Choose, ReplayPlan, replay
from fewshot_lab.sampling import STRATEGIES, Suggestion

AT = (20, 40, 80, 160, 240, 320, 400)


def peer(name: str) -> Choose:
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
                clf = Given(probabilities, classes=np.arange(probabilities.shape[1]))
                query = Badge(random_state=seed, clf_embedding_flag_name=None)
                rows = query.query(placed, y, clf, fit_clf=True, batch_size=n)
        return [Suggestion(ids[r], name, name) for r in rows]

    return choose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--peers", action="store_true", help="scikit-activeml's too")
    options = parser.parse_args()
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
