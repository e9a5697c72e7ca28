"""Is it the disease or the site? What a column of the images' data has to do with a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.evaluation.confounder_probe import Probe, probe
from fewshot_lab.evaluation.costed_evidence import by_cost
from fewshot_lab.evaluation.left_out import FEWEST, LeftOut, left_out
from fewshot_lab.evaluation.permutations import Permutations, contrasts, p_value
from fewshot_lab.evaluation.robustness_index import RobustnessIndex, robustness_index
from fewshot_lab.stats import Evidence, Interval, Sample, difference, reliability, share

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

LEVELS = {
    "telling": 0.015,
    "accuracy": 0.01,
    "calibration": 0.01,
    "left_out": 0.01,
    "classes": 0.005,
}
"""How often each is named where there is nothing: 5 % together."""
MOST = 1500
"""Labelled images that are looked at; of more, whole groups are drawn."""
NEARLY = 0.9
"""Share of a class's images from one value from which on it is said."""


@dataclass(frozen=True)
class LabelledImages:
    """Labelled images with what was predicted of them when they were left out.

    Attributes
    ----------
    rows : array (n,) of int
        In the pool.
    X : array (n, d)
        Final embeddings, as they are.
    y : array (n,) of int
        Class index.
    probabilities : array (n, K)
        Out of fold.
    groups : array (n,) of int
    value : array (n,) of int
        Of the column; -1 where it is missing.
    """

    rows: Codes
    X: NDArray[Any]
    y: Codes
    probabilities: NDArray[Any]
    groups: Codes
    value: Codes

    def take(self, rows: NDArray[Any]) -> LabelledImages:
        """Return some of the images."""
        return LabelledImages(
            self.rows[rows],
            self.X[rows],
            self.y[rows],
            self.probabilities[rows],
            self.groups[rows],
            self.value[rows],
        )


@dataclass(frozen=True)
class ValueFigures:
    """The images of one value.

    Attributes
    ----------
    name : str
    by_class : tuple of int
        Labelled images of each class.
    groups : int
    accuracy : Interval or None
        None for all that follows where there are too few images.
    difference : Interval
        The accuracy less that of the other values, class for class.
    calibration_error : Interval
    lean : float
        Mean probability of the predicted class less the accuracy: above 0 is too sure.
    left_out : LeftOut or None
    """

    name: str
    by_class: tuple[int, ...]
    groups: int
    accuracy: Interval | None = None
    difference: Interval | None = None
    calibration_error: Interval | None = None
    lean: float = float("nan")
    left_out: LeftOut | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(self.by_class)


@dataclass(frozen=True)
class OneSided:
    """A class of which all images, or nearly all, are of one value.

    Attributes
    ----------
    class_index, value : int
    images, of_value : int
        Of the class, and of them of the value.
    certain : bool
        Whether that is more than chance deals to so many groups.
    """

    class_index: int
    value: int
    images: int
    of_value: int
    certain: bool


@dataclass(frozen=True)
class Confounding:
    """What was found of one column.

    Attributes
    ----------
    column, noun : str
        Name, and what a group is: "patient".
    values : tuple of ValueFigures
    missing : int
        Labelled images without a value; they are left out.
    spread_groups : int
        Groups with images of several values.
    shown : int
        Labelled images that were looked at.
    probe, robustness
        None where fewer than two values have enough images.
    can_tell : bool
        Whether there are enough groups for anything to be more than chance.
    one_sided : tuple of OneSided
    named : tuple of str
        Keys of :data:`LEVELS` that stand out beyond chance.
    stands_out : dict of str to int
        For accuracy and calibration, the value that does.
    costed : bool
        Whether accuracy is of decisions by the costs of errors.
    """

    column: str
    noun: str
    values: tuple[ValueFigures, ...]
    missing: int
    spread_groups: int
    shown: int
    probe: Probe | None = None
    robustness: RobustnessIndex | None = None
    can_tell: bool = False
    one_sided: tuple[OneSided, ...] = ()
    named: tuple[str, ...] = ()
    stands_out: Mapping[str, int] | None = None
    costed: bool = False


def confounding(
    images: LabelledImages,
    pool: Pool,
    column: str,
    names: Sequence[str],
    *,
    noun: str = "group",
    columns: int = 1,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    costs: Float | None = None,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> Confounding:
    """Look for a column in the embedding, the accuracy, the probabilities and the classes.

    Each is named only where it stands out beyond chance; where there is nothing, anything is named
    in 5 % of all cases, of all columns together.

    Parameters
    ----------
    images : LabelledImages
    pool : Pool
        As the classifier reads it.
    column : str
    names : sequence of str
        Of the values.
    noun : str
    columns : int
        How many are looked at.
    name, parameters
        Of the classifier in use.
    costs : array (K, K), optional
        Of errors: accuracy is then of what is decided by them; what is left out in turn, and
        calibration, stay those of the most probable class.
    """
    missing = int((images.value < 0).sum())
    images = _some(images.take(images.value >= 0), seed)
    K = images.probabilities.shape[1]
    counts = np.zeros((len(names), K), dtype=np.int64)
    np.add.at(counts, (images.value, images.y), 1)
    figures = [
        ValueFigures(
            title,
            tuple(counts[v].tolist()),
            len(np.unique(images.groups[images.value == v])),
        )
        for v, title in enumerate(names)
    ]
    pairs = np.unique(np.stack([images.groups, images.value]), axis=1)
    spread = int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())
    known = np.flatnonzero(counts.sum(axis=1) >= FEWEST)
    shown = len(images.y)
    if len(known) < 2:
        return Confounding(column, noun, tuple(figures), missing, spread, shown)
    images = images.take(np.isin(images.value, known))
    codes, value = np.unique(images.value, return_inverse=True)
    groups = np.unique(images.groups, return_inverse=True)[1]
    level = {key: each / columns for key, each in LEVELS.items()}
    deals = Permutations.of(value, images.y, groups, seed=seed)
    named, stands_out = [], {}
    telling = probe(pool.rotated[images.rows], groups, deals, seed=seed)
    check()
    if telling.p <= level["telling"]:
        named.append("telling")
    evidence = Evidence(
        images.probabilities, images.y, groups, "out-of-fold", np.zeros(len(value), dtype=bool)
    )
    right = by_cost(evidence, costs).right
    over = evidence.confidence - evidence.right
    for key, of in (("accuracy", right.astype(np.float64)), ("calibration", over)):
        p, worst = _standing_out(_within(of, images.y), deals, len(codes), key)
        stands_out[key] = int(codes[worst])
        if p <= level[key]:
            named.append(key)
    losses = left_out(
        pool,
        images.rows,
        images.y,
        value,
        groups,
        name=name,
        parameters=parameters,
        level=1 - 2 * level["left_out"] / len(codes),
        seed=seed,
        check=check,
    )
    if any(loss.surely_worse for loss in losses.values()):
        named.append("left_out")
    one_sided = _one_sided(counts[codes], value, images.y, groups, level["classes"], seed)
    one_sided = tuple(
        OneSided(o.class_index, int(codes[o.value]), o.images, o.of_value, o.certain)
        for o in one_sided
    )
    if any(each.certain for each in one_sided):
        named.append("classes")
    for v, place in enumerate(codes):
        figures[place] = _of_value(figures[place], evidence, right, value == v, losses.get(v))
    index = robustness_index(images.X, images.y, value, groups)
    return Confounding(
        column,
        noun,
        tuple(figures),
        missing,
        spread,
        shown,
        telling,
        index,
        deals.can_tell(level["telling"]),
        one_sided,
        tuple(named),
        stands_out,
        costs is not None,
    )


def _some(images: LabelledImages, seed: int) -> LabelledImages:
    """Return whole groups, of so many images as are looked at."""
    if len(images.y) <= MOST:
        return images
    groups, code, size = np.unique(images.groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(groups))
    within = order[np.cumsum(size[order]) <= MOST]
    return images.take(np.isin(code, within))


def _within(figure: Float, y: Codes) -> Float:
    """Return a figure less the mean of its class."""
    n = np.maximum(np.bincount(y), 1)
    return np.asarray(figure - (np.bincount(y, figure) / n)[y])


def _standing_out(
    residual: Float, deals: Permutations, n_values: int, key: str
) -> tuple[float, int]:
    """Return how often chance makes a value stand out as much, and which one does.

    Of two values, which stand out equally, the one that is worse off.
    """
    far = contrasts(residual, deals, n_values)
    worst = int(np.abs(far[0]).argmax())
    if n_values == 2:
        worst = int(far[0].argmin() if key == "accuracy" else far[0].argmax())
    return p_value(np.abs(far).max(axis=1)), worst


def _one_sided(
    counts: Codes, value: Codes, y: Codes, groups: Codes, level: float, seed: int
) -> tuple[OneSided, ...]:
    """Return the classes that come from one value alone, or nearly."""
    V, K = counts.shape
    deals = Permutations.of(value, None, groups, seed=seed).values
    dealt = np.stack([[(deals[:, y == k] == v).sum(axis=1) for k in range(K)] for v in range(V)])
    spread = np.maximum(dealt[:, :, 1:].std(axis=2), 1e-9)
    far = (dealt - dealt[:, :, 1:].mean(axis=2)[:, :, None]) / spread[:, :, None]
    by_chance = far.max(axis=(0, 1))
    one_sided = []
    for k in np.flatnonzero(counts.sum(axis=0)):
        v = int(counts[:, k].argmax())
        images, of_value = int(counts[:, k].sum()), int(counts[v, k])
        elsewhere = (counts[v].sum() - of_value) / max(1, counts.sum() - images)
        if of_value < NEARLY * images or elsewhere >= NEARLY:
            continue
        certain = bool((by_chance >= far[v, k, 0] - 1e-9).mean() <= level)
        if certain or of_value == images:
            one_sided.append(OneSided(int(k), v, images, of_value, certain))
    return tuple(one_sided)


def _of_value(
    figures: ValueFigures,
    evidence: Evidence,
    right: NDArray[np.bool_],
    mine: NDArray[np.bool_],
    loss: LeftOut | None,
) -> ValueFigures:
    rows, others = np.flatnonzero(mine), np.flatnonzero(~mine)
    here = evidence.take(rows)
    sample = Sample.of(np.ones(len(here)), here.groups)
    apart = len(np.unique(evidence.groups)) == len(evidence)
    seen = reliability(here)
    return ValueFigures(
        figures.name,
        figures.by_class,
        figures.groups,
        share(right[rows], np.ones(len(here), dtype=bool), sample),
        difference(
            right[rows],
            right[others],
            None if apart else (evidence.groups[rows], evidence.groups[others]),
            (evidence.y[rows], evidence.y[others]),
        ),
        seen.error,
        seen.confidence - seen.accuracy,
        loss,
    )
