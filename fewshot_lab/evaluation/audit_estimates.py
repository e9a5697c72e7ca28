"""What the randomly drawn images say about the whole pool."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.labels_needed import labels_to_halve, labels_until_narrow
from fewshot_lab.evaluation.leaks import LeakCheck
from fewshot_lab.stats import Interval, Sample, mean_recall, share
from fewshot_lab.words import first_few, plural

FEW_TO_PLAN = 10
"""With fewer labels the number to halve the interval would be another after each label."""


@dataclass(frozen=True)
class AuditCounts:
    """How the drawn images stand.

    Attributes
    ----------
    pool : int
        Images that were drawn from: all but the reference test set.
    drawn, labelled, unsure, rejected, waiting : int
        ``drawn`` is the sum of the others and of images labelled with a class that is retired.
    held_out : int
        Images that do not train because they stay together with a drawn one.
    """

    pool: int = 0
    drawn: int = 0
    labelled: int = 0
    unsure: int = 0
    rejected: int = 0
    waiting: int = 0
    held_out: int = 0


@dataclass(frozen=True)
class TestFigures:
    """How a classifier does on images that it did not learn from, with intervals.

    Attributes
    ----------
    accuracy, balanced_accuracy : Interval
        The latter over the classes among the images.
    recall, precision, prevalence : dict of class id to Interval
        ``n`` is the number of images of the class, predicted as the class, and of all.
    confusion : array (K, K)
        Label by prediction, in images.
    class_ids : tuple of int
    missing : tuple of int
        Classes that the classifier knows and of which no image has come.
    n, groups : int
        Images, and how many of them count as independent.
    more : int or None
        Further labels that would halve the interval of the balanced accuracy; None where the
        pool has not as many images.
    until_narrow : int or None
        Further labels until the interval of the accuracy is narrow enough to mean something; 0
        where it is, None where the pool has not as many images.
    weighted : bool
        Whether some images stand for more of the pool than others.
    lacking : dict of class id to int
        Classes that rest on too few of the drawn groups, and how many further ones would do (0:
        more than there are). With any, there is no balanced accuracy (``n`` is 0).
    """

    __test__ = False

    accuracy: Interval
    balanced_accuracy: Interval
    recall: dict[int, Interval]
    precision: dict[int, Interval]
    prevalence: dict[int, Interval]
    confusion: NDArray[np.int64] = field(repr=False)
    class_ids: tuple[int, ...]
    missing: tuple[int, ...]
    n: int
    groups: int
    more: int | None
    until_narrow: int | None
    weighted: bool
    lacking: dict[int, int] = field(default_factory=dict)

    @property
    def balanced_title(self) -> str:
        """What the balanced accuracy is of: not of classes of which no image came."""
        classes = len(self.class_ids)
        part = f" of {classes - len(self.missing)} of {classes} classes" if self.missing else ""
        return f"Balanced accuracy{part}"

    def why_not(self, names: Mapping[int, str], noun: str) -> str:
        """Say why there is no balanced accuracy; "" where there is one.

        Parameters
        ----------
        names : mapping
            Class id to name.
        noun : str
            What a group is: "patient".
        """
        if not self.lacking:
            return ""
        lacking = first_few([names.get(c, str(c)) for c in self.lacking])
        more = max(self.lacking.values())
        do = f"About {plural(more, f'further {noun}')} would do."
        if not all(self.lacking.values()):
            do = "The pool does not have that many."
        return (
            f"No balanced accuracy{' yet' if more else ''}: {self.groups:,} {noun}s are too few "
            f"for {lacking}, of which most {noun}s show many images or none. {do}"
        )

    def outlook(self, names: Mapping[int, str], noun: str) -> str:
        """Say how many more labels halve the balanced accuracy's interval, or why none is known."""
        if self.lacking:
            return self.why_not(names, noun)
        if self.n < FEW_TO_PLAN:
            return "Too few to say how many would make the intervals narrow."
        if self.more is None:
            return (
                "Even all images of the pool would not halve the interval of the balanced accuracy."
            )
        of = f" of further {noun}s" if self.groups < self.n else ""
        labels = "audit label" if self.more == 1 else "audit labels"
        return f"{self.more:,} more {labels}{of} would halve the interval of the balanced accuracy."


@dataclass(frozen=True)
class AuditReport:
    """The audit set: what was drawn, and what it says.

    Attributes
    ----------
    counts : AuditCounts
    figures : TestFigures or None
        None while no drawn image has a class.
    leaks : LeakCheck
    """

    counts: AuditCounts
    figures: TestFigures | None
    leaks: LeakCheck

    @property
    def balanced_accuracy(self) -> Interval | None:
        """None where it cannot be stated."""
        if self.figures is None or self.figures.lacking:
            return None
        return self.figures.balanced_accuracy


@dataclass(frozen=True)
class ReferenceTest:
    """The reference test set that came with the data, and what it says.

    Attributes
    ----------
    by : str
        What makes an image one of it: "column split = test".
    images : int
    labelled, referenced : int
        Images whose class is what people said here, and those whose class came with them.
    figures : TestFigures or None
        None without a classifier, or where no class is known.
    leaks : LeakCheck
    """

    by: str
    images: int
    labelled: int
    referenced: int
    figures: TestFigures | None
    leaks: LeakCheck


def test_figures(
    y: NDArray[np.int64],
    predicted: NDArray[np.int64],
    class_ids: Sequence[int],
    *,
    weights: NDArray[np.float64] | None = None,
    groups: NDArray[np.int64] | None = None,
    strata: NDArray[np.int64] | None = None,
    pool: int | None = None,
    lacking: Mapping[int, int] | None = None,
) -> TestFigures:
    """Return the figures of predictions on labelled images that trained nothing.

    An image of a class that the classifier does not know counts as wrong. For the formulas see
    :func:`share` and :func:`mean_recall`.

    Parameters
    ----------
    y, predicted : array (n,)
        Labelled and predicted class ids.
    class_ids : sequence of int
        Classes that the classifier knows.
    weights : array (n,), optional
        Images of the pool that each stands for.
    groups, strata : array (n,), optional
        What counts as one, and what was drawn from apart.
    pool : int, optional
        Images there are, which no number of further labels can exceed.
    lacking : mapping, optional
        What :func:`groups_lacking` found; with any, no balanced accuracy is stated.
    """
    n = len(y)
    weight = np.ones(n) if weights is None else weights
    sample = Sample.of(weight, groups, strata)
    everything = np.ones(n, dtype=bool)
    classes = sorted({*y.tolist(), *predicted.tolist(), *(int(c) for c in class_ids)})
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (np.searchsorted(classes, y), np.searchsorted(classes, predicted)), 1)
    hit = y == predicted
    recalls = mean_recall(y, predicted, sample)
    if lacking:
        recalls = Interval(math.nan, 0.0, 1.0, 0)
    present = set(y.tolist())
    accuracy = share(hit, everything, sample)
    return TestFigures(
        accuracy=accuracy,
        balanced_accuracy=recalls,
        recall={c: share(hit, y == c, sample, unseen=True) for c in classes},
        precision={c: share(hit, predicted == c, sample) for c in classes},
        prevalence={c: share(y == c, everything, sample, strata_predict=True) for c in classes},
        confusion=confusion,
        class_ids=tuple(classes),
        missing=tuple(int(c) for c in class_ids if int(c) not in present),
        n=n,
        groups=len(sample.stratum),
        more=labels_to_halve(recalls, pool),
        until_narrow=labels_until_narrow(accuracy, pool),
        weighted=bool(n) and bool(np.ptp(weight) > 1e-6 * weight.max()),
        lacking=dict(lacking or {}),
    )


test_figures.__test__ = False  # type: ignore[attr-defined]
