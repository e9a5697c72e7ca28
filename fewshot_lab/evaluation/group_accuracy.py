"""Which rule makes the best answer for a patient, and how often that answer is right."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.group_answers import RULES, GroupAnswers
from fewshot_lab.stats import Z95, Interval, Sample, mean_rate, share, widened

Float = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class GroupImages:
    """Images with a known class, by classifiers that did not learn from them, in groups.

    Attributes
    ----------
    probabilities : array (n, K)
    y : array (n,)
        Class index; -1 for a class that the classifier does not know.
    groups : array (n,) of int
        The patient of each image, 0 to G - 1.
    together : array (n,) of int
        What was kept on one side of every split: a patient, or several joined by near-duplicates.
    """

    probabilities: Float
    y: Ints
    groups: Ints
    together: Ints


@dataclass(frozen=True)
class GroupFigures:
    """How often the answer for a group is right.

    Attributes
    ----------
    accuracy, balanced_accuracy : Interval
        ``n`` counts groups.
    recall : dict
        Class index to Interval.
    confusion : array (K, K)
        The group's own class by the answer.
    mixed : int
        Groups whose images carry labels of more than one class.
    images : int
    image_accuracy : Interval
        Of the same images one by one.
    """

    accuracy: Interval
    balanced_accuracy: Interval
    recall: dict[int, Interval]
    confusion: Ints = field(repr=False)
    mixed: int
    images: int
    image_accuracy: Interval

    @property
    def balanced_title(self) -> str:
        """What the balanced accuracy is of: not of classes that no group has."""
        tested = sum(each.n > 0 for each in self.recall.values())
        total = len(self.recall)
        return f"Balanced accuracy{f' of {tested} of {total} classes' if tested < total else ''}"


@dataclass(frozen=True)
class RuleComparison:
    """The rules on the same groups, and the one chosen.

    Attributes
    ----------
    chosen : GroupAnswers
    by_rule : dict
        Rule to balanced accuracy.
    figures : GroupFigures
        Of the choice: each group is answered by the rule that the others would have chosen.
    """

    chosen: GroupAnswers
    by_rule: dict[str, Interval]
    figures: GroupFigures


def severity(
    y: Ints, groups: Ints, classes: int, order: list[int] | None, costs: Float | None
) -> tuple[int, ...]:
    """Return the classes from the mildest to the worst.

    As they are ordered; else by how much the worst way to miss them costs; of equal ones, and
    without costs, those that fewer groups show are worse: what most patients have is the normal.
    """
    if order is not None:
        return tuple(order)
    shown = [len(np.unique(groups[y == k])) for k in range(classes)]
    worst = np.zeros(classes) if costs is None else costs.max(axis=1)
    return tuple(sorted(range(classes), key=lambda k: (worst[k], -shown[k], k)))


def group_labels(images: GroupImages, ranking: tuple[int, ...], by: str) -> Ints:
    """Return each group's own class (G,).

    Parameters
    ----------
    images : GroupImages
    ranking : tuple of int
    by : {"majority", "worst"}
        The class of most of its labelled images (of as many, the worse), or the worst of them. A
        class that the classifier does not know is the mildest.
    """
    count = int(images.groups.max(initial=-1)) + 1
    votes = np.zeros((count, len(ranking) + 1), np.int64)  # the last: an unknown class
    np.add.at(votes, (images.groups, images.y), 1)
    order = [len(ranking), *ranking]
    votes = votes[:, order]
    if by == "majority":
        votes = votes == votes.max(axis=1, keepdims=True)
    place = votes.shape[1] - 1 - (votes[:, ::-1] > 0).argmax(axis=1)
    out = np.asarray(order)[place]
    return np.where(out == len(ranking), -1, out)


def answers(images: GroupImages, rule: GroupAnswers, costs: Float | None) -> Ints:
    """Return the answer for each group (G,)."""
    order = np.argsort(images.groups, kind="stable")
    starts = np.flatnonzero(np.diff(images.groups[order], prepend=-1))
    return rule.answer_each(images.probabilities[order], starts, costs)[0]


def compare_rules(
    images: GroupImages,
    ranking: tuple[int, ...],
    by: str,
    *,
    noun: str = "group",
    costs: Float | None = None,
) -> RuleComparison:
    """Choose how the images of a group become one answer, and say how good that is.

    The mean log probability stays unless another rule gains more balanced accuracy than chance
    may make of it: 1.96 standard errors of the gain, over groups. What is chosen on groups
    flatters it on them; so each group is answered by the rule that the others choose.
    """
    rules = [GroupAnswers(name, ranking, noun) for name in RULES]
    truth = group_labels(images, ranking, by)
    by_rule_and_group = np.stack([answers(images, rule, costs) for rule in rules])
    right = by_rule_and_group == truth
    best, best_without = _chosen(right, truth)
    sample = _sample(images)
    by_rule = {
        rule.rule: _rate(truth, right[r], sample, len(ranking)) for r, rule in enumerate(rules)
    }
    answered = by_rule_and_group[best_without, np.arange(len(truth))]
    figures = group_figures(images, truth, answered, costs)
    if (best_without != best).any():
        figures = _wider(figures, group_figures(images, truth, by_rule_and_group[best], costs))
    return RuleComparison(rules[best], by_rule, figures)


def _wider(figures: GroupFigures, chosen: GroupFigures) -> GroupFigures:
    """Return figures whose intervals hold those of the chosen rule on all groups, too.

    Where one group decides which rule is chosen, what the others choose may fail on that very
    group, and the figure is too low.
    """

    def both(one: Interval, other: Interval) -> Interval:
        return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))

    return replace(
        figures,
        accuracy=both(figures.accuracy, chosen.accuracy),
        balanced_accuracy=both(figures.balanced_accuracy, chosen.balanced_accuracy),
        recall={k: both(each, chosen.recall[k]) for k, each in figures.recall.items()},
    )


def group_figures(
    images: GroupImages, truth: Ints, answered: Ints, costs: Float | None, *, held_out: bool = True
) -> GroupFigures:
    """Return how often answers are right, each group counting once.

    Parameters
    ----------
    images : GroupImages
    truth, answered : array (G,)
    costs : array (K, K) or None
    held_out : bool
        Whether the groups were left out in cross-validation, whose classifiers depend on the few
        labels, too; else nothing of them trained.
    """
    from fewshot_lab.evaluation.costs import choose

    K = images.probabilities.shape[1]
    sample = _sample(images)
    hit = truth == answered
    everything = np.ones(len(hit), dtype=bool)
    accuracy = share(hit, everything, sample)
    balanced = _rate(truth, hit, sample, K if held_out else None)
    if held_out and not sample.grouped:
        accuracy = widened(accuracy, accuracy.n - K)
    confusion = np.zeros((K, K), np.int64)
    known = truth >= 0
    np.add.at(confusion, (truth[known], answered[known]), 1)
    pairs = np.unique(np.stack([images.groups, images.y]), axis=1)[0]
    of_images = choose(images.probabilities, costs) == images.y
    return GroupFigures(
        accuracy,
        balanced,
        {k: share(hit, truth == k, sample) for k in range(K)},
        confusion,
        int((np.bincount(pairs) > 1).sum()),
        len(images.y),
        share(of_images, np.ones(len(of_images), bool), _of(images.together)),
    )


def _of(groups: Ints) -> Sample:
    return Sample.of(np.ones(len(groups)), groups)


def _sample(images: GroupImages) -> Sample:
    """Return the groups as a sample: those that near-duplicates join count as one in the doubt."""
    _, first = np.unique(images.groups, return_index=True)
    return _of(images.together[first])


def _rate(truth: Ints, hit: NDArray[np.bool_], sample: Sample, classes: int | None) -> Interval:
    rate = mean_rate(truth, hit.astype(np.float64), sample)
    return rate if classes is None or sample.grouped else widened(rate, rate.n - classes)


def _chosen(right: NDArray[np.bool_], truth: Ints) -> tuple[int, Ints]:
    """Return the rule chosen on all groups, and for each group that chosen on the others (G,)."""
    own = (truth[:, None] == np.unique(truth)).astype(np.float64)  # (G, K)
    gain = right.astype(np.float64) - right[0]  # (R, G)
    n, total = own.sum(axis=0), gain @ own
    squares = gain**2 @ own
    best = _best(n[None], total[:, None], squares[:, None])
    less = gain[:, :, None] * own
    without = _best(n - own, total[:, None] - less, squares[:, None] - less * gain[:, :, None])
    return int(best[0]), without


def _best(n: Float, total: Float, squares: Float) -> Ints:
    """Return the best rule by gains over the first, summed by class: (G, K), (R, G, K) twice."""
    seen = np.maximum(n, 1)
    classes = np.maximum((n > 0).sum(axis=1), 1)
    mean = total / seen
    gain = mean.sum(axis=2) / classes
    variance = (np.maximum(squares / seen - mean**2, 0) / seen).sum(axis=2) / classes**2
    worth = np.where(gain > Z95 * np.sqrt(variance) + 1e-12, gain, 0.0)
    return np.asarray(worth.argmax(axis=0))
