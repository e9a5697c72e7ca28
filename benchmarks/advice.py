"""Is the advice right: what 50 more labels were predicted to be worth, and what they were.

    python benchmarks/advice.py [--draws 10] [--first 10] [--sets pbc8 isic8] [--classes]

Every draw holds out a third of the images and labels the rest as a person would with the app:
batches of 24 suggestions, a fifth of them drawn at random to measure. At some numbers of labels
the app's advice is taken down; then the next 50 labels are really given, as suggested, and the
balanced accuracy on the held-out third says what they were worth. The interval is stated to hold
this in 80 % of cases. Printed: mean prediction and mean truth, the interval's mean width, how
often it held, and what the advice costs in CPU seconds. What the labels were worth is itself only
measured, on the images held out: "measured to" is the standard error of that, and "allowing for
it" counts intervals widened by it.

``--classes`` asks the same of the advice for each class: what 20 more labels of it were predicted
to add to its recall, and what 20 drawn at random from its images without a label did add.
"""

import argparse
import time

import numpy as np
from _embeddings import Images, embeddings, split

from fewshot_lab.classifiers import Fitted, Pool, fit
from fewshot_lab.evaluation import LearningCurve, learning_curve
from fewshot_lab.evaluation.curves import NEXT_OF_CLASS, Band
from fewshot_lab.sampling import BATCH, COLD_LABELS_PER_CLASS, suggest_by

AT = (72, 144, 240, 384)
AUDIT = round(0.2 * BATCH)
MORE = 50
Z80 = 1.2816  # of a normal distribution, between its tenth and ninetieth percentile


class Person:
    """Somebody who labels what is suggested, always right."""

    def __init__(self, images: Images, seed: int):
        X, y = images.X, images.y
        rest, test = split(y, seed)
        self.X, self.y, self.test, self.seed = X, y, test, seed
        self.pool, self.truth = Pool(X[rest], parts=images.parts), y[rest]
        self.label = np.full(len(rest), -1)
        self.audit = np.zeros(len(rest), dtype=bool)
        self.fitted: Fitted | None = None

    @property
    def n(self) -> int:
        return int((self.label >= 0).sum())

    def give(self, n: int) -> None:
        """Label n more images, as suggested."""
        audit = round(AUDIT / BATCH * n)
        random = np.random.default_rng(1000 * self.seed + self.n)
        drawn = random.permutation(np.flatnonzero(self.label < 0))[:audit]
        self.audit[drawn] = True
        self.label[drawn] = self.truth[drawn]
        teaches = (self.label >= 0) & ~self.audit
        ids = [] if self.fitted is None else [int(c) for c in self.fitted.class_ids]
        column = {c: k for k, c in enumerate(ids)}
        found = suggest_by(
            "mixed",
            self.pool,
            [str(i) for i in range(len(self.pool))],
            labelled=np.array(
                [
                    column.get(int(c), 0) if t else -1
                    for c, t in zip(self.label, teaches, strict=True)
                ]
            ),
            eligible=self.label < 0,
            probabilities=self.fitted and self.fitted.pool_probabilities(self.pool),
            class_ids=ids,
            names=[str(c) for c in ids],
            n=n - audit,
            seed=1000 * self.seed + self.n,
        )
        rows = np.array([int(s.image_id) for s in found])
        self.label[rows] = self.truth[rows]
        self.refit()

    def refit(self) -> None:
        known = np.flatnonzero((self.label >= 0) & ~self.audit)
        self.fitted = fit(
            self.pool.X[known], self.label[known], pool=self.pool, rows=known, quick=True
        )

    def hits(self) -> np.ndarray:
        assert self.fitted is not None
        return (self.fitted.predict(self.X[self.test]) == self.y[self.test]).astype(float)

    def gain(self, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
        """Return what balanced accuracy rose by, and its standard error over the test images."""
        y = self.y[self.test]
        each = [(after - before)[y == k] for k in np.unique(y)]
        error = np.sqrt(sum(d.var(ddof=1) / len(d) for d in each)) / len(each)
        return float(np.mean([d.mean() for d in each])), float(error)

    def gain_of_class(self, k: int, n: int) -> tuple[float, float] | None:
        """Return what n more labels of a class add to its recall, and its standard error.

        None where so many of it are not left.
        """
        left = np.flatnonzero((self.label < 0) & (self.truth == k))
        if len(left) < n:
            return None
        before, kept = self.hits(), (self.label.copy(), self.fitted)
        random = np.random.default_rng([self.seed, self.n, k])
        self.label[random.permutation(left)[:n]] = k
        self.refit()
        change = (self.hits() - before)[self.y[self.test] == k]
        self.label, self.fitted = kept
        return float(change.mean()), float(change.std(ddof=1) / np.sqrt(len(change)))

    def advice(self) -> LearningCurve:
        assert self.fitted is not None
        rows = np.flatnonzero(self.label >= 0)
        found = learning_curve(
            self.pool,
            rows,
            self.label[rows],
            audit=self.audit[rows],
            name=self.fitted.name,
            parameters=self.fitted.parameters,
            audit_share=AUDIT / BATCH,
            picked=int((~self.audit[rows]).sum()) >= COLD_LABELS_PER_CLASS * len(set(self.y)),
        )
        assert found is not None
        return found


def compared(
    gain: Band, real: float, error: float, seconds: float
) -> tuple[float, float, float, float, bool, float, float, bool]:
    """Return what was predicted beside what came, and whether the interval holds that."""
    middle, half = (gain.low + gain.high) / 2, (gain.high - gain.low) / 2
    near = bool(abs(real - middle) <= np.hypot(half, Z80 * error))
    held = gain.low <= real <= gain.high
    return gain.value, gain.low, gain.high, real, held, seconds, error, near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first", type=int, default=10, help="seed of the first draw")
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--classes", action="store_true", help="the advice for each class")
    options = parser.parse_args()
    every = []
    for name in options.sets:
        images = embeddings(name)
        found: dict[int, list[tuple[float, ...]]] = {n: [] for n in AT}
        for seed in range(options.first, options.first + options.draws):
            person = Person(images, seed)
            for n in AT:
                while person.n < n:
                    person.give(min(BATCH, n - person.n))
                began = time.process_time()
                advice = person.advice()
                seconds = time.process_time() - began
                if options.classes:
                    for each in advice.classes:
                        real = person.gain_of_class(each.class_id, NEXT_OF_CLASS)
                        if each.gain is not None and real is not None:
                            found[n].append(compared(each.gain, *real, seconds))
                    continue
                before = person.hits()
                # The two batches that the person would get, then back to where the labels were.
                kept = (person.label.copy(), person.audit.copy(), person.fitted)
                person.give(BATCH)
                person.give(MORE - BATCH)
                real = person.gain(before, person.hits())
                person.label, person.audit, person.fitted = kept
                found[n].append(compared(advice.gain, *real, seconds))
        what = f"balanced accuracy by {MORE} more labels"
        if options.classes:
            what = f"a class's recall by {NEXT_OF_CLASS} more labels of it"
        print(f"\n{name}: {options.draws} draws; points of {what}")
        print(
            "| labels | predicted | real | interval's width | held | measured to | "
            "allowing for it | CPU s |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for n, rows in found.items():
            a = np.array(rows, dtype=float)
            every.append(a)
            print(
                f"| {n} | {100 * a[:, 0].mean():.1f} | {100 * a[:, 3].mean():.1f} | "
                f"{100 * (a[:, 2] - a[:, 1]).mean():.1f} | {a[:, 4].sum():.0f} of {len(a)} | "
                f"{100 * a[:, 6].mean():.2f} | {a[:, 7].sum():.0f} of {len(a)} | "
                f"{a[:, 5].mean():.2f} |",
                flush=True,
            )
    a = np.concatenate(every)
    print(f"\nheld {a[:, 4].sum():.0f} of {len(a)} ({100 * a[:, 4].mean():.0f} %; stated 80 %)")
    print(f"allowing for the error of the measure {100 * a[:, 7].mean():.0f} %")


if __name__ == "__main__":
    main()
