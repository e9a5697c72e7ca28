"""Is it the disease or the site? What a column of the images' data has to do with a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.evaluation.confounder_probe import probe
from fewshot_lab.evaluation.confounding_result import Confounding, OneSided, ValueFigures
from fewshot_lab.evaluation.costed_evidence import by_cost
from fewshot_lab.evaluation.left_out import FEWEST, LeftOut, left_out
from fewshot_lab.evaluation.permutations import Permutations, contrasts, p_value
from fewshot_lab.evaluation.robustness_index import robustness_index
from fewshot_lab.stats import Evidence, Sample, difference, reliability, share

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
        return LabelledImages(*(getattr(self, field.name)[rows] for field in fields(self)))


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
    images = _drawn(images.take(images.value >= 0), seed)
    counts = np.zeros((len(names), images.probabilities.shape[1]), dtype=np.int64)
    np.add.at(counts, (images.value, images.y), 1)
    counted = Confounding(
        column,
        noun,
        tuple(
            ValueFigures(title, tuple(by_class), len(np.unique(images.groups[images.value == v])))
            for v, (title, by_class) in enumerate(zip(names, counts.tolist(), strict=True))
        ),
        missing,
        _spread_groups(images),
        len(images.y),
    )
    enough = np.flatnonzero(counts.sum(axis=1) >= FEWEST)
    if len(enough) < 2:
        return counted
    images = images.take(np.isin(images.value, enough))
    codes, value = np.unique(images.value, return_inverse=True)
    groups = np.unique(images.groups, return_inverse=True)[1]
    level = {key: each / columns for key, each in LEVELS.items()}
    deals = Permutations.of(value, images.y, groups, seed=seed)
    telling = probe(pool.rotated[images.rows], groups, deals, seed=seed)
    check()
    evidence = Evidence(
        images.probabilities, images.y, groups, "out-of-fold", np.zeros(len(value), dtype=bool)
    )
    right = by_cost(evidence, costs).right
    standing_out = _standing_out(evidence, right, deals, codes)
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
    one_sided = _one_sided(counts, codes, value, images.y, groups, level["classes"], seed)
    beyond_chance = {
        "telling": telling.p <= level["telling"],
        **{key: p <= level[key] for key, (p, _) in standing_out.items()},
        "left_out": any(loss.surely_worse for loss in losses.values()),
        "classes": any(each.certain for each in one_sided),
    }
    figures = list(counted.values)
    for v, place in enumerate(codes):
        figures[place] = _of_value(figures[place], evidence, right, value == v, losses.get(v))
    return replace(
        counted,
        values=tuple(figures),
        probe=telling,
        robustness=robustness_index(images.X, images.y, value, groups),
        can_tell=deals.can_tell(level["telling"]),
        one_sided=one_sided,
        named=tuple(key for key, named in beyond_chance.items() if named),
        stands_out={key: place for key, (_, place) in standing_out.items()},
        costed=costs is not None,
    )


def _spread_groups(images: LabelledImages) -> int:
    """Return how many groups have images of several values."""
    pairs = np.unique(np.stack([images.groups, images.value]), axis=1)
    return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())


def _drawn(images: LabelledImages, seed: int) -> LabelledImages:
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
    evidence: Evidence, right: NDArray[np.bool_], deals: Permutations, codes: Codes
) -> dict[str, tuple[float, int]]:
    """Return how often chance makes a value stand out as much, and which one does.

    Of two values, which stand out equally, the one that is worse off.
    """
    standing_out = {}
    over = evidence.confidence - evidence.right
    for key, figure in (("accuracy", right.astype(np.float64)), ("calibration", over)):
        far = contrasts(_within(figure, evidence.y), deals, len(codes))
        worst = int(np.abs(far[0]).argmax())
        if len(codes) == 2:
            worst = int(far[0].argmin() if key == "accuracy" else far[0].argmax())
        standing_out[key] = p_value(np.abs(far).max(axis=1)), int(codes[worst])
    return standing_out


def _one_sided(
    counts: Codes, codes: Codes, value: Codes, y: Codes, groups: Codes, level: float, seed: int
) -> tuple[OneSided, ...]:
    """Return the classes that come from one value alone, or nearly."""
    counts = counts[codes]
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
            one_sided.append(OneSided(int(k), int(codes[v]), images, of_value, certain))
    return tuple(one_sided)


def _of_value(
    figures: ValueFigures,
    evidence: Evidence,
    right: NDArray[np.bool_],
    of_value: NDArray[np.bool_],
    loss: LeftOut | None,
) -> ValueFigures:
    rows, others = np.flatnonzero(of_value), np.flatnonzero(~of_value)
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
