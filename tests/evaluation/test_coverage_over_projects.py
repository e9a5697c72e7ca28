"""2,000 audits, ten of each of 200 projects that differ: 95 % intervals hold in 92 to 98 % of them.

A third of the projects for each of three seeds.

A user's project is one of many: how many classes, how rare the rarest, how good and how sure of
itself the classifier, how much patients differ and how many images each has, all of it is drawn.
(Of one design by itself, with few images, an interval may hold more or less often than 95 %: see
``test_coverage``.) ``-rP`` prints the rates.
"""

from collections import defaultdict

import numpy as np
import pytest

from fewshot_lab.evaluation.prediction_sets import prediction_sets
from fewshot_lab.evaluation.selective_classification import NEVER, find_threshold
from fewshot_lab.stats import (
    Evidence,
    Sample,
    cohen_kappa,
    difference,
    fleiss_kappa,
    mean_recall,
    paired_difference,
    raw_agreement,
    share,
)
from fewshot_lab.stats.intervals import effective_size
from fewshot_lab.stats.reliability import bins_for, calibration_error

from .simulation import SEEDS, check

pytestmark = pytest.mark.exhaustive

PROJECTS, DRAWS = 201, 10
CLASSES = (2, 3, 4, 6, 8, 12, 20)
EACH = {20: (2, 4), 100: (2, 5, 10), 500: (2, 5, 10, 20)}
"""Images of a patient; there are five patients at least."""


class Held:
    """How often intervals of each kind held the truth."""

    def __init__(self):
        self.kinds = defaultdict(lambda: [0.0, 0.0])

    def add(self, kind, found, truth, weight=1.0):
        if found.n and not np.isnan(found.value):
            kept = found.low - 1e-9 <= truth <= found.high + 1e-9
            self.kinds[kind][0] += weight * kept
            self.kinds[kind][1] += weight

    def check(self, n, patients):
        rates = {kind: held / trials for kind, (held, trials) in self.kinds.items()}
        print(n, patients, {kind: f"{100 * rate:.1f}" for kind, rate in rates.items()})  # noqa: T201
        for kind, rate in rates.items():
            check({kind: rate}, self.kinds[kind][1])


def projects():
    """Yield the random generator of each project."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        for _ in range(PROJECTS // len(SEEDS)):
            yield rng


def logit(p):
    return np.log(p / (1 - p))


def expit(x):
    return 1 / (1 + np.exp(-x))


def classifier(rng, n, size, groups):
    """Return the number of classes, and labels and predictions (groups, size) of a project.

    A class has 2 % at least. Patients differ in classes and in difficulty, some projects' much;
    in one project in four most images of one patient in ten are got wrong.
    """
    K = int(rng.choice([k for k in CLASSES if 5 * k <= n]))
    prior = np.maximum(rng.dirichlet(np.full(K, 2.0)), 0.02)
    skill = logit(rng.uniform(0.7, 0.98)) + rng.normal(0, 0.7, K)
    spread = rng.uniform(0, 1.5) if size > 1 else 0.0
    own = np.log(prior) + rng.normal(0, 2 * spread, (groups, 1, K))
    y = (rng.gumbel(size=(groups, size, K)) + own).argmax(axis=2)
    right = rng.random(y.shape) < expit(skill[y] + rng.normal(0, spread, (groups, 1)))
    if size > 1 and rng.random() < 0.25:
        right &= ~((rng.random((groups, 1)) < 0.1) & (rng.random(y.shape) < 0.75))
    mistaken = rng.dirichlet(np.ones(K - 1), K).cumsum(axis=1)
    other = (rng.random(y.shape)[..., None] > mistaken[y]).sum(axis=2).clip(0, K - 2)
    return K, y, np.where(right, y, other + (other >= y))


def sizes(rng, n, patients):
    return int(rng.choice(EACH[n])) if patients else 1


@pytest.mark.parametrize("drawn", ["one by one", "by patients", "stratified"])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_accuracy_recall_precision_and_share_of_a_class(n, drawn):
    held = Held()
    for rng in projects():
        size = sizes(rng, n, drawn == "by patients")
        whole = 10_000 if size == 1 else 2500
        K, y, predicted = classifier(rng, n, size, whole)
        hit = y == predicted
        recall = [hit[y == k].mean() for k in range(K)]
        prior = [(y == k).mean() for k in range(K)]
        precision = [hit[predicted == k].mean() if (predicted == k).any() else 0 for k in range(K)]
        for _ in range(DRAWS):
            rows, sample = audit(
                rng, n, size, predicted.ravel() if drawn == "stratified" else whole
            )
            seen, said = y[rows].ravel(), predicted[rows].ravel()
            ok, every = seen == said, np.ones(seen.size, dtype=bool)
            held.add("accuracy", share(ok, every, sample), hit.mean())
            if len(np.unique(seen)) == K:
                held.add("balanced accuracy", mean_recall(seen, said, sample), np.mean(recall))
            some = rng.permutation(K)[:3]  # more classes of one audit say little more
            for k in some:
                of, called, each = seen == k, said == k, 1 / len(some)
                held.add("recall", share(ok, of, sample, unseen=True), recall[k], each)
                held.add("precision", share(ok, called, sample), precision[k], each)
                told = share(of, every, sample, strata_predict=True)
                held.add("share", told, prior[k], each)
    held.check(n, drawn)


def audit(rng, n, size, pool):
    """Return rows and their sample: so many groups of a pool, or images by predicted class."""
    if isinstance(pool, int):
        groups = np.repeat(np.arange(n // size), size) if size > 1 else None
        return rng.integers(0, pool, n // size), Sample.of(np.ones(n), groups)
    strata = [np.flatnonzero(pool == k) for k in np.unique(pool)]
    each = [max(2, round(n * (0.5 * len(s) / len(pool) + 0.5 / len(strata)))) for s in strata]
    each = [min(m, len(s)) for m, s in zip(each, strata, strict=True)]
    rows = np.concatenate(
        [rng.choice(s, m, replace=False) for s, m in zip(strata, each, strict=True)]
    )
    weight = np.repeat([len(s) / m for s, m in zip(strata, each, strict=True)], each)
    return rows, Sample.of(weight, None, np.repeat(np.arange(len(strata)), each))


class Confidence:
    """A classifier of two classes, by its confidence: some are far too sure, some patients hard."""

    def __init__(self, rng, size):
        self.rng, self.size = rng, size
        self.slope, self.middle = rng.uniform(0.4, 1.2), rng.uniform(0.5, 2.5)
        self.wide, self.spread = rng.uniform(0.8, 1.6), rng.uniform(0, 1.5) if size > 1 else 0.0

    def images(self, n):
        """Return the evidence of so many images."""
        rng, groups = self.rng, np.arange(n) // self.size
        easy, shift = (rng.normal(0, s * self.spread, n)[groups] for s in (0.4, 1.0))
        sure = np.abs(self.middle + rng.normal(0, self.wide, n) + easy)
        right = rng.random(n) < expit(self.slope * sure + shift)
        p = np.stack([expit(sure), expit(-sure)], axis=1)
        return Evidence(p, np.where(right, 0, 1), groups, "audit", np.zeros(n, dtype=bool))


def true_gap(crowd, order, found, bins):
    """Return the true calibration error over the bins of some images."""
    gap = np.concatenate([[0], np.cumsum((crowd.right - crowd.confidence)[order])])
    edges = [part[0] for part in np.array_split(np.sort(found.confidence), bins)[1:]]
    cut = np.searchsorted(crowd.confidence[order], edges)
    return np.abs(np.diff(gap[np.concatenate([[0], cut, [len(order)]])])).sum() / len(order)


@pytest.mark.parametrize("patients", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_threshold_calibration_and_sets(n, patients):
    """Share decided, error among the decided, calibration error, coverage of the sets.

    Sets that hold every class, for want of images, estimate nothing and are not counted.
    """
    held, exceeded = Held(), []
    for project, rng in enumerate(projects()):
        model = Confidence(rng, sizes(rng, n, patients))
        target, promise = rng.choice([0.02, 0.05, 0.1, 0.15, 0.2]), rng.choice([0.8, 0.9, 0.95])
        crowd = model.images(100_000)
        order = np.argsort(crowd.confidence)
        for _ in range(DRAWS):
            found = model.images(n)
            at = slice(start := 2000 * int(rng.integers(0, 50)), start + 2000)
            pool, of = crowd.confidence[at], crowd.groups[at]
            threshold = find_threshold(found, float(target), pool, of)
            if threshold.value < NEVER:
                decided = crowd.confidence >= threshold.value
                error = 1 - crowd.right[decided].mean() if decided.any() else 0.0
                held.add("share decided", threshold.coverage, decided.mean())
                held.add("error among the decided", threshold.error, error)
                exceeded.append(threshold.rule == "assured" and error > target)
            sets = prediction_sets(found, float(promise))
            if np.isfinite(sets.limits).all():
                # The most probable class, 0, is in every set, the other one by its score.
                score = crowd.confidence[~crowd.right]
                inside = 1 - (score > sets.limits[0]).mean() * (~crowd.right).mean()
                held.add("coverage of the sets", sets.coverage, inside)
            bins = bins_for(effective_size(found.right.astype(float), found.groups))
            gap, _ = calibration_error(
                found.confidence, found.right, found.groups, bins, draws=250, seed=project
            )
            held.add("calibration error", gap, true_gap(crowd, order, found, bins))
    held.check(n, patients)
    print(f"assured, and exceeded: {100 * np.mean(exceeded):.1f}")  # noqa: T201
    assert np.mean(exceeded) <= 0.05


class Annotators:
    """Three people who see the true class with a chance that differs between patients."""

    def __init__(self, rng, size):
        self.rng, self.size = rng, size
        self.K = int(rng.choice([2, 3, 4, 6, 8]))
        self.prior = np.maximum(rng.dirichlet(np.full(self.K, 3.0)), 0.05)
        self.skill = logit(rng.uniform(0.7, 0.97))
        self.spread = rng.uniform(0, 1.0) if size > 1 else 0.0

    def labels(self, n):
        """Return labels (3, n) and groups."""
        rng, groups = self.rng, np.arange(n) // self.size
        own = rng.normal(0, 2 * self.spread, (n, self.K))[groups] + np.log(self.prior)
        y = (rng.gumbel(size=(n, self.K)) + own).argmax(axis=1)
        sees = expit(self.skill + rng.normal(0, self.spread, n)[groups])
        other = (y + rng.integers(1, self.K, (3, n))) % self.K
        return np.where(rng.random((3, n)) < sees, y, other), groups if self.size > 1 else None

    def counts(self, labels):
        return np.eye(self.K, dtype=np.int64)[labels].sum(axis=0)


@pytest.mark.parametrize("patients", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_agreement(n, patients):
    held = Held()
    for rng in projects():
        people = Annotators(rng, sizes(rng, n, patients))
        crowd, _ = people.labels(20_000)
        cohen = cohen_kappa(crowd[0], crowd[1]).value
        fleiss = fleiss_kappa(people.counts(crowd)).value
        for _ in range(DRAWS):
            labels, groups = people.labels(n)
            held.add("Cohen's kappa", cohen_kappa(labels[0], labels[1], groups), cohen)
            held.add("Fleiss' kappa", fleiss_kappa(people.counts(labels), groups), fleiss)
            both = raw_agreement(people.counts(labels[:2]), groups)
            held.add("raw agreement", both, (crowd[0] == crowd[1]).mean())
    held.check(n, patients)


@pytest.mark.parametrize("patients", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_differences(n, patients):
    """Of two halves of the images, and of two looks at the same ones: 0 to 20 points apart."""
    held = Held()
    for rng in projects():
        size = sizes(rng, n, patients)
        spread = rng.uniform(0, 1.0) if size > 1 else 0.0
        plain, more = logit(rng.uniform(0.6, 0.9)), rng.uniform(0, 1.2)
        hard = rng.normal(0, spread, 200_000)
        truth = (expit(plain + more + hard) - expit(plain + hard)).mean()
        for _ in range(DRAWS):
            groups = np.arange(n) // size
            skill = plain + rng.normal(0, spread, n)[groups]
            helped, alone = rng.random(n) < expit(skill + more), rng.random(n) < expit(skill)
            seen = rng.permutation(n) < n // 2
            of = (groups[seen], groups[~seen]) if patients else None
            held.add("two halves", difference(helped[seen], alone[~seen], of), truth)
            paired = paired_difference(helped, alone, groups if patients else None)
            held.add("two looks", paired, truth)
    held.check(n, patients)
