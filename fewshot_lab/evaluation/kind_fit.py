"""From a pool to what tells pictures of another kind."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.backbones import FINAL, Parts
from fewshot_lab.classifiers import Rows
from fewshot_lab.evaluation.kind_distance import STATISTICS, KindDistance, Level

Float = NDArray[np.floating[Any]]

FOLDS = 5
FEWEST = 20
"""Images of a pool from which on its kind can be told."""
MOST = 1_500
"""Images of a pool that its kind is learnt from; of more, a draw."""
WIDEST = 1_000
"""Features of a stage that is still looked at: its covariance must be learnt, and travels."""
TINY = 1e-6
"""Added to every variance: a feature may be the same in all images, as colours of grey ones."""
FLOOR = 0.01
"""Features that vary less than this share of the mean variance are taken to vary as much."""


@dataclass(frozen=True)
class KindFit:
    """What tells another kind of picture, and what it says of the pool itself.

    Attributes
    ----------
    distance : KindDistance
    rows : array (m,) of int
        The images that it was learnt from.
    held_out : array (m,)
        Their scores, each by a fit on other images: other patients, where groups are known.
    """

    distance: KindDistance
    rows: NDArray[np.int64]
    held_out: Float


def fit_kind(
    embeddings: Rows,
    statistics: NDArray[Any] | None,
    parts: Parts,
    y: NDArray[np.int64],
    *,
    groups: NDArray[np.int64] | None = None,
    share: float,
) -> KindFit | None:
    """Learn a pool's kind of picture.

    A level each for the pictures' statistics and for the inner stages of the network, both halves
    of a stage in one. What a final embedding is far from is told by the labelled images nearest to
    it, not here: it was trained to pass over what kind of picture it is.

    Parameters
    ----------
    embeddings : Rows (n, D)
        Of the pool: what trains, and what nobody has labelled.
    statistics : array (n, s) or None
    parts : Parts
        Of an embedding.
    y : array (n,)
        Class of what trains, -1 for the others.
    groups : array (n,), optional
        Patients or slides, who are not torn apart.
    share : float
        Share of held-out images that is to be called another kind.

    Returns
    -------
    KindFit or None
        None where there are too few images, or neither statistics nor stages.
    """
    rng = np.random.default_rng(0)
    n = len(embeddings)
    rows = np.arange(n) if n <= MOST else _drawn(y, rng)
    levels = _levels(parts, statistics is not None)
    if n < FEWEST or not levels or not share:
        return None
    X, y = embeddings[rows], y[rows]
    stats = None if statistics is None else statistics[rows]
    alone = np.arange(n) if groups is None else groups
    code = np.unique(alone[rows], return_inverse=True)[1]
    fold = rng.permutation(code.max() + 1)[code] % FOLDS
    fitted, scores = [], []
    for name, columns in levels:
        empty = np.zeros(0, dtype=np.float32)
        features = Level(name, columns, empty, empty, empty, empty).features(X, stats)
        apart = np.empty(len(rows))
        for k in np.unique(fold):
            out = fold == k
            if out.all():
                return None  # one group alone
            apart[out] = _fit(name, columns, features[~out], y[~out]).log_distance(features[out])
        low, middle, high = np.quantile(apart, (0.16, 0.5, 0.84))
        spread = float(high - low) / 2 or 1.0
        level = _fit(name, columns, features, y)
        fitted.append(replace(level, middle=float(middle), spread=spread))
        scores.append((apart - middle) / spread)
    held_out = np.mean(scores, axis=0)
    cutoff = float(np.quantile(held_out, 1 - share, method="higher"))
    return KindFit(KindDistance(tuple(fitted), cutoff), rows, held_out)


def _drawn(y: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return :data:`MOST` rows, what trains before the others, but at most half of them."""
    trained, others = (
        rng.permutation(np.flatnonzero(y >= 0)),
        rng.permutation(np.flatnonzero(y < 0)),
    )
    trained = trained[: max(MOST // 2, MOST - len(others))]
    return np.sort(np.concatenate([trained, others[: MOST - len(trained)]]))


def _levels(parts: Parts, statistics: bool) -> list[tuple[str, tuple[int, int] | None]]:
    """Return the levels that there are: the statistics, and each stage's columns."""
    stages: dict[str, tuple[int, int]] = {}
    for name, columns in parts.slices.items():
        if not name.startswith(FINAL):
            stage = " ".join(name.split()[:2])
            start = stages.get(stage, (columns.start, 0))[0]
            stages[stage] = (start, columns.stop)
    narrow = [(name, at) for name, at in stages.items() if at[1] - at[0] <= WIDEST]
    return [*([(STATISTICS, None)] if statistics else []), *narrow]


def _fit(name: str, columns: tuple[int, int] | None, features: Float, y: NDArray[Any]) -> Level:
    """Fit means and covariance, shrunk as Ledoit and Wolf (2004, J. Multivariate Analysis) do."""
    from sklearn.covariance import ledoit_wolf

    mean, variance = features.mean(axis=0), features.var(axis=0)
    typical = float(variance.mean()) or 1.0
    scale = 1 / np.sqrt(variance + FLOOR * typical)
    Z = (features - mean) * scale
    classes = np.unique(y[y >= 0])
    means = [Z[y == k].mean(axis=0) for k in classes]
    centres = np.stack(means) if means else np.zeros((1, Z.shape[1]), dtype=Z.dtype)
    # What nobody has labelled belongs to the class whose mean is nearest.
    nearest = ((centres**2).sum(axis=1) - 2 * Z @ centres.T).argmin(axis=1)
    own = np.where(y >= 0, np.searchsorted(classes, y), nearest) if len(classes) else nearest
    covariance, _ = ledoit_wolf(Z - centres[own], assume_centered=True)
    covariance += TINY * np.eye(len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float16)
    white = centres.astype(np.float32) @ whitening.astype(np.float32)
    return Level(name, columns, mean.astype("f4"), scale.astype("f4"), whitening, white)
