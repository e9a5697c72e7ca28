"""What cross-validation says about a classifier, and about the labels."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Fitted, OutOfFold
from fewshot_lab.evaluation.costs import choose
from fewshot_lab.evaluation.leaks import LeakCheck, check_folds
from fewshot_lab.stats import Interval, Sample, mean_rate, share_of_groups, widened, wilson
from fewshot_lab.words import first_few


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold figures of a fitted classifier on its labelled images.

    They describe the labelled images: where these were picked by the classifier's doubt rather
    than at random, they are harder than the rest. The audit set says what the rest is like.
    Each classifier behind them was trained on four fifths of the labels: with few labels the one
    in use is a few points better than they say.

    Attributes
    ----------
    balanced_accuracy : Interval
        Mean recall over all classes; ``n`` 0 where one of them could not be held out.
    recall : dict
        Class id to recall; ``n`` 0 where a class could not be held out (one label, or one
        group).
    confusion : array (K, K)
        Labelled class by predicted class: images, each once, by ``out_of_fold``.
    class_ids : array (K,)
    out_of_fold : array (n, K)
        Probabilities averaged over the repeats; NaN where an image was never held out.
    n : int
        Images that were held out.
    repeats : int
    ids : tuple (n,) of str
        The images behind the rows of ``out_of_fold``.
    y : array (n,)
        Their class ids.
    leaks : LeakCheck
        What came out when the folds were held against the groups.
    costs : array (K, K) or None
        By which an image's class is decided; without them it is the most probable one.
    """

    balanced_accuracy: Interval
    recall: dict[int, Interval]
    confusion: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    out_of_fold: NDArray[np.float32] = field(repr=False)
    n: int
    repeats: int
    ids: tuple[str, ...] = field(default=(), repr=False)
    y: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)
    leaks: LeakCheck = field(default_factory=lambda: LeakCheck(0))
    costs: NDArray[np.float64] | None = field(default=None, repr=False)

    def why_not(self, names: Mapping[int, str], noun: str = "group") -> str:
        """Say why there is no balanced accuracy; "" where there is one."""
        untested = [names.get(c, str(c)) for c, recall in self.recall.items() if not recall.n]
        if not untested:
            return ""
        several = any((self.y == c).sum() > 1 for c, recall in self.recall.items() if not recall.n)
        of = "" if noun == "group" and not several else f", of two {noun}s"
        if noun == "group" and several:  # all of one: whoever looks at it knows its name
            of += " (slides, patients)"
        return (
            f"No balanced accuracy yet: {first_few(untested)} could not be tested. Every class "
            f"needs labels of at least two images{of}, so that one can be held out."
        )

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The column of the class predicted of each image (n,); -1 where it was never held out."""
        return _columns(self.out_of_fold, self.costs)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The column of the class that each image is labelled as (n,)."""
        return np.searchsorted(self.class_ids, self.y)

    def cells(self) -> dict[tuple[int, int], list[str]]:
        """Return the images of each cell of the confusion matrix, the surest first.

        Keys are class ids: as labelled, as predicted.
        """
        labels, predicted = self.labels, self.predicted
        cells: dict[tuple[int, int], list[str]] = {}
        for at in np.argsort(-np.nan_to_num(self.out_of_fold).max(axis=1), kind="stable"):
            if predicted[at] >= 0:
                key = (int(self.class_ids[labels[at]]), int(self.class_ids[predicted[at]]))
                cells.setdefault(key, []).append(self.ids[at])
        return cells

    def accuracy_above(self, probability: float) -> Interval | None:
        """Return how many of the predictions at least that sure are right; None without any."""
        held = ~np.isnan(self.out_of_fold[:, 0])
        predicted = self.predicted[held]
        sure = self.out_of_fold[held, predicted] >= probability
        right = predicted == self.labels[held]
        return wilson(int(right[sure].sum()), int(sure.sum())) if sure.any() else None


@dataclass(frozen=True)
class Suspect:
    """A label that the classifier, not having seen it, contradicts.

    Attributes
    ----------
    image_id : str
    label, predicted : int
        Class ids.
    probability : float
        Of the predicted class, out of fold.
    """

    image_id: str
    label: int
    predicted: int
    probability: float


def cross_validation(
    fitted: Fitted,
    image_ids: Sequence[str] = (),
    groups: NDArray[Any] | None = None,
    *,
    noun: str = "group",
    pairs: NDArray[np.int64] | None = None,
    costs: NDArray[np.float64] | None = None,
) -> CrossValidation:
    """Return the figures of the cross-validation by which a classifier was fitted.

    Its folds are held against the groups first: an image that was held out while others of its
    group trained is left out of all figures, and named in ``leaks``.

    Parameters
    ----------
    fitted : Fitted
    image_ids : sequence (n,) of str, optional
        The labelled images, in the order in which they were given to ``fit``.
    groups : array (n,) of str, optional
        What must stay together, as ``Project.groups_of`` returns it.
    noun, pairs
        See :func:`check_folds`.
    costs : array (K, K), optional
        What errors cost.
    """
    out_of_fold: OutOfFold = fitted.out_of_fold
    R, n, K = out_of_fold.probabilities.shape
    ids = image_ids or [str(i) for i in range(n)]
    leaks, leaking = check_folds(groups, out_of_fold.folds, ids, noun=noun, pairs=pairs)
    if leaking.any():
        out_of_fold = out_of_fold.without(leaking)
    rows = np.arange(n)
    hits, held = np.zeros(n), np.zeros(n)
    for repeat in range(R):
        p = out_of_fold.probabilities[repeat]
        tested = ~np.isnan(p[:, 0])
        predicted = choose(p[tested], costs)
        hits[tested] += predicted == out_of_fold.y[tested]
        held += tested
    scored = held > 0
    rate = np.divide(hits, held, out=np.zeros(n), where=scored)
    recall: dict[int, Interval] = {}
    for k in range(K):
        of_class = rows[scored & (out_of_fold.y == k)]
        recall[int(fitted.class_ids[k])] = share_of_groups(
            rate[of_class], out_of_fold.groups[of_class]
        )
    sample = Sample.of(np.ones(int(scored.sum())), out_of_fold.groups[scored])
    accuracy = mean_rate(out_of_fold.y[scored], rate[scored], sample)
    if not all(interval.n for interval in recall.values()):
        accuracy = Interval(math.nan, 0.0, 1.0, 0)
    elif not sample.grouped:  # groups are given more than that already
        accuracy = widened(accuracy, accuracy.n - K)
    columns = _columns(out_of_fold.mean, costs)
    confusion = np.zeros((K, K), np.int64)
    np.add.at(confusion, (out_of_fold.y[columns >= 0], columns[columns >= 0]), 1)
    return CrossValidation(
        balanced_accuracy=accuracy,
        recall=recall,
        confusion=confusion,
        class_ids=fitted.class_ids,
        out_of_fold=out_of_fold.mean,
        n=int(scored.sum()),
        repeats=R,
        ids=tuple(image_ids),
        y=fitted.class_ids[out_of_fold.y],
        leaks=leaks,
        costs=costs,
    )


def _columns(
    out_of_fold: NDArray[np.float32], costs: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    best = choose(np.nan_to_num(out_of_fold), costs)
    return np.where(np.isnan(out_of_fold[:, 0]), -1, best)


def suspects(
    fitted: Fitted, image_ids: Sequence[str], doubtful: Collection[str] = ()
) -> tuple[Suspect, ...]:
    """Return the labels contradicted out of fold, the most confident contradiction first.

    Sorted by how much more probable another class is than the label.

    Parameters
    ----------
    fitted : Fitted
    image_ids : sequence (n,) of str
        The labelled images, in the order in which they were given to ``fit``.
    doubtful : collection of str, optional
        Images whose label is listed even where nothing contradicts it.
    """
    out_of_fold = fitted.out_of_fold
    scored = np.flatnonzero(out_of_fold.scored)
    rows, y = np.arange(len(scored)), out_of_fold.y[scored]
    others = out_of_fold.mean[scored].copy()
    own = others[rows, y].copy()
    others[rows, y] = -1.0
    predicted = others.argmax(axis=1)
    gap = others.max(axis=1) - own
    return tuple(
        Suspect(
            image_ids[scored[i]],
            int(fitted.class_ids[y[i]]),
            int(fitted.class_ids[predicted[i]]),
            float(others[i, predicted[i]]),
        )
        for i in np.argsort(-gap, kind="stable")
        if gap[i] > 0 or image_ids[scored[i]] in doubtful
    )
