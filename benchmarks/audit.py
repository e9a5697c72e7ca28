"""Is the audit estimate right under the app's own active sampling? On pbc8, by simulation.

    python benchmarks/audit.py [--trials 200] [--labels 240] [--groups N] [--stratified]

Every trial takes 60 % of the images as the pool and starts with no label. Batches of 24 are
labelled by the reference: five drawn at random for the audit, the rest chosen by the app's own
suggestions; after each the classifier is fitted. At the end the audit's figures are held against
the truth: the same classifier on the 40 % of images that the pool has never seen, and the shares of
the classes in the pool. Beside it the
naive figure: cross-validation on the labels that the suggestions picked.

``--groups N`` cuts the images into N groups of look-alikes (k-means), which stand in for patients:
groups are then drawn, and held out, as a whole. ``--stratified`` draws a third of the audit at the
end, by predicted class, so that images weigh differently; "unweighted" is what comes out if that
is forgotten. Printed are the mean error in points with its standard error over the trials, and how
often the 95 % interval holds the truth.
"""

import argparse

import numpy as np
from _embeddings import balanced_accuracy, embeddings

from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.evaluation import cross_validation, groups_lacking, test_figures
from fewshot_lab.sampling import BATCH, draw_further, draw_units, suggest_by
from fewshot_lab.stats import Interval, Stratum, Unit, audit_weights

AUDIT = 5
Draw = list[list[Stratum]]


class Trial:
    """One pool, labelled as the app would have it labelled."""

    def __init__(self, X: np.ndarray, y: np.ndarray, code: np.ndarray, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(np.unique(code))
        chosen = set(order[: round(0.6 * len(order))].tolist())
        inside = np.array([int(c) in chosen for c in code])
        self.y, self.code, self.pool = y[inside], code[inside], Pool(X[inside])
        self.fresh, self.y_fresh = X[~inside], y[~inside]
        self.n = len(self.y)
        self.audit, self.labelled = np.zeros(self.n, bool), np.zeros(self.n, bool)
        self.design: Draw = []
        self.grouped = len(np.unique(self.code)) < self.n

    @property
    def held(self) -> np.ndarray:
        """What must not train: audit images and their groups."""
        return np.isin(self.code, self.code[self.audit])

    def draw(self, n: int, strata: np.ndarray | None = None) -> None:
        """Put about n images into the audit set, and label them."""
        free = ~self.held
        found = draw_units(self.code, free, n, self.rng, strata=strata)
        told = []
        for name, units in found:
            told.append(
                Stratum(
                    str(name),
                    self.n,
                    tuple(Unit(tuple(map(str, r)), size, of, b) for r, size, of, b in units),
                )
            )
            self.audit[[r for rows, *_ in units for r in rows]] = True
        self.design.append(told)
        self.labelled |= self.audit

    def further(self, n: int) -> None:
        """Put n further images of the drawn groups into the audit set, and label them."""
        rows = draw_further(self.code, self.audit, self.held, n, self.rng)
        more = {int(self.code[r]): [] for r in rows}
        for r in rows:
            more[int(self.code[r])].append(str(r))

        def whole(unit: Unit) -> Unit:
            mine = more.get(int(self.code[int(unit.images[0])]), [])
            return Unit((*unit.images, *mine), unit.size, unit.of, unit.usual)

        self.design = [
            [Stratum(s.name, s.until, tuple(whole(u) for u in s.units)) for s in draw]
            for draw in self.design
        ]
        self.audit[rows] = True
        self.labelled |= self.audit

    def fit(self):
        rows = np.flatnonzero(self.labelled & ~self.held)
        if len(np.unique(self.y[rows])) < 2:
            return None, rows
        groups = self.code[rows].astype(str).astype(object)
        fitted = fit(
            self.pool.X[rows], self.y[rows], pool=self.pool, rows=rows, quick=True, plain=True,
            groups=groups, near_duplicates=None,
        )  # fmt: skip
        return fitted, rows

    def batch(self, step: int) -> None:
        """Label one batch: what is drawn and what is suggested."""
        # A fifth of the images held out at most, as in the app; then more of the drawn groups.
        if self.held.sum() < 0.2 * self.n:
            self.draw(AUDIT)
        else:
            self.further(AUDIT)
        fitted, _ = self.fit()
        p, ids = None, np.empty(0, int)
        if fitted is not None:
            p, ids = fitted.pool_probabilities(self.pool), fitted.class_ids
        place = {int(c): k for k, c in enumerate(ids)}
        trains = self.labelled & ~self.held
        labelled = np.array(
            [place.get(int(c), 0) if t else -1 for c, t in zip(self.y, trains, strict=True)]
        )
        found = suggest_by(
            "mixed",
            self.pool,
            [str(i) for i in range(self.n)],
            labelled=labelled,
            eligible=~self.labelled & ~self.held,
            probabilities=p,
            class_ids=[int(c) for c in ids],
            names=[str(c) for c in ids],
            groups=self.code if self.grouped else None,
            n=BATCH - AUDIT,
            seed=step,
        )
        self.labelled[[int(s.image_id) for s in found]] = True

    def outcome(self, *, stratified: bool) -> dict[str, tuple[float, ...]]:
        """Return of each figure estimate, truth, whether it is held, naive and unweighted."""
        fitted, learned = self.fit()
        if stratified:
            drawn = int(self.audit.sum())
            self.draw(drawn // 2, fitted.predict(self.pool.X))
            fitted, learned = self.fit()
        predicted = fitted.predict(self.pool.X)
        at = np.flatnonzero(self.audit)
        weights = audit_weights(self.design, [str(i) for i in at])
        w = np.array([weights[str(i)].weight for i in at])
        strata = np.unique([weights[str(i)].stratum for i in at], return_inverse=True)[1]
        ids = fitted.class_ids.tolist()
        found = test_figures(
            self.y[at], predicted[at], ids, weights=w, groups=self.code[at], strata=strata
        )
        kind = np.where(self.labelled, self.y, predicted)
        self.lacking = groups_lacking(
            kind, self.code, ids, groups=len(np.unique(self.code[at])), images=len(at)
        )
        plain = test_figures(self.y[at], predicted[at], ids, groups=self.code[at])
        cv = cross_validation(fitted)
        answer = fitted.predict(self.fresh)
        classes = range(int(max(self.y.max(), self.y_fresh.max())) + 1)

        def accuracy_of(recalls: dict) -> float:
            told = [i for i in recalls.values() if i.n]
            return float(np.average([i.value for i in told], weights=[i.n for i in told]))

        def row(estimate, truth: float, naive: float, unweighted: float) -> tuple[float, ...]:
            held = estimate.low <= truth <= estimate.high
            return estimate.value, truth, held, naive, unweighted

        rows = {
            "accuracy": row(
                found.accuracy,
                float((answer == self.y_fresh).mean()),
                accuracy_of(cv.recall),
                plain.accuracy.value,
            ),
            "balanced accuracy": row(
                found.balanced_accuracy,
                balanced_accuracy(self.y_fresh, answer),
                cv.balanced_accuracy.value,
                plain.balanced_accuracy.value,
            ),
        }
        for k in classes:
            nobody = Interval(0.0, 0.0, 0.0, 0)
            rows[f"share of class {k}"] = row(
                found.prevalence.get(k, nobody),
                float((self.y == k).mean()),
                float((self.y[learned] == k).mean()),
                plain.prevalence.get(k, nobody).value,
            )
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--labels", type=int, default=240)
    parser.add_argument("--groups", type=int, default=0)
    parser.add_argument("--stratified", action="store_true")
    parser.add_argument("--set", default="pbc8", dest="name")
    options = parser.parse_args()
    images = embeddings(options.name)
    y = images.y
    found: dict[str, list[tuple[float, ...]]] = {}
    stated = 0
    with one_blas_thread():
        # The leading components, so that each trial's pool is made in no time.
        Z = images.pool().rotated
        code = np.arange(len(y))
        if options.groups:
            from sklearn.cluster import MiniBatchKMeans

            code = MiniBatchKMeans(options.groups, random_state=0, n_init=1).fit_predict(Z)
        for seed in range(options.trials):
            trial = Trial(Z, y, code, seed)
            for step in range(options.labels // BATCH):
                trial.batch(step)
            for key, values in trial.outcome(stratified=options.stratified).items():
                if key != "balanced accuracy" or not trial.lacking:
                    found.setdefault(key, []).append(values)
            stated += not trial.lacking
    print(
        f"{options.name}, {options.trials} trials, {options.labels} labels"
        + (f", {options.groups} groups" if options.groups else "")
        + (", a third of the audit stratified by predicted class" if options.stratified else "")
    )
    if options.groups:
        print(f"a balanced accuracy is stated in {stated}; too few groups of a class in the others")
    print("mean error in points (± its standard error)")
    print(f"{'':>18} {'audit':>14} {'interval holds':>15} {'naive':>14} {'unweighted':>14}")

    def column(key: str, which: int) -> np.ndarray:
        return np.array([row[which] for row in found[key]], float)

    def errors(key: str, which: int) -> np.ndarray:
        e = 100 * (column(key, which) - column(key, 1))
        return e[np.isfinite(e)]

    def standard(e: np.ndarray) -> float:
        return float(e.std(ddof=1) / np.sqrt(len(e)))

    for key in ("accuracy", "balanced accuracy"):
        if len(found.get(key, [])) < 2:
            continue
        cells = [
            f"{errors(key, w).mean():+.2f} ± {standard(errors(key, w)):.2f}" for w in (0, 3, 4)
        ]
        held = f"{100 * column(key, 2).mean():.1f} %"
        print(f"{key:>18} {cells[0]:>14} {held:>15} {cells[1]:>14} {cells[2]:>14}")
    shares = [key for key in found if key.startswith("share")]
    cells = []
    for which in (0, 3, 4):
        each = [errors(key, which) for key in shares]
        by_chance = np.sqrt(np.mean([standard(e) ** 2 for e in each]))
        cells.append(f"{np.sqrt(np.mean([e.mean() ** 2 for e in each])):.2f} ({by_chance:.2f})")
    held = f"{100 * np.mean([column(key, 2).mean() for key in shares]):.1f} %"
    print(f"{'share of a class':>18} {cells[0]:>14} {held:>15} {cells[1]:>14} {cells[2]:>14}")
    print("share of a class: root mean square of the classes' mean errors (by chance alone)")


if __name__ == "__main__":
    main()
