"""How much of a slide each class takes: predictions counted, corrected by how often they are right.

The estimator is that of areas on a classified map: what share of the tiles predicted as i is really
k is read off labelled tiles that the classifier had not seen (Tenenbein 1970, JASA 65; Olofsson et
al. 2014, Remote Sensing of Environment 148, eq. 9).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fewshot_lab.stats import Interval

DRAWS = 400
PSEUDO = 2.0
"""Tiles that the calibrated probabilities count as, beside the labelled ones of a prediction."""
TAU2 = np.linspace(0, 3, 61)[:, None] ** 2
"""How much slides may differ in the log-odds of a prediction's being right: variances (T, 1)."""


@dataclass(frozen=True)
class SeenTiles:
    """Labelled tiles as a classifier predicts them that was not trained on them.

    Attributes
    ----------
    predicted, truth : array (n,) of int
        Columns of the classifier.
    group : array (n,) of int
        Equal for tiles of one slide (or patient).
    """

    predicted: NDArray[np.int64]
    truth: NDArray[np.int64]
    group: NDArray[np.int64]

    @property
    def groups(self) -> int:
        """How many slides they come from."""
        return len(np.unique(self.group))


def class_shares(
    probabilities: NDArray[np.floating],
    predicted: NDArray[np.int64],
    labelled: NDArray[np.int64],
    seen: SeenTiles,
) -> list[Interval]:
    """Return the share of each class among a slide's tiles (K intervals, adding up to 1).

    The interval holds how well the rates of right answers are known (Bayesian bootstrap of the
    slides: Rubin 1981, Annals of Statistics 9) and how much slides differ in them: one that is new
    deviates as the labelled ones do among each other, by a standard deviation tau of which all
    values are equally likely beforehand (Gelman 2006, Bayesian Analysis 1; Higgins et al. 2009,
    Journal of the Royal Statistical Society A 172, on predicting from few studies).
    What it cannot hold: tiles that were chosen for labelling because they are hard.

    Parameters
    ----------
    probabilities : array (n, K)
        Of the slide's tiles.
    predicted : array (n,) of int
        Columns.
    labelled : array (n,) of int
        The column of a tile's own label, -1 where it has none. It counts as it is.
    seen : SeenTiles

    Raises
    ------
    ValueError
        Without a tile.
    """
    n, K = probabilities.shape
    if not n:
        raise ValueError("a slide without tiles has no shares")
    of_labels = np.bincount(labelled[labelled >= 0], minlength=K)
    left = labelled < 0
    counts = np.bincount(predicted[left], minlength=K).astype(float)
    prior = _prior(probabilities, predicted)
    codes = np.unique(seen.group, return_inverse=True)[1]
    G = seen.groups
    tables = np.zeros((G, K, K))
    np.add.at(tables, (codes, seen.predicted, seen.truth), 1)

    def rates(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of each class among those predicted (draws, K predicted, K true)."""
        cells = np.einsum("dg,gij->dij", weights[:, :G], tables)
        cells += PSEUDO * weights[:, G, None, None] * prior
        return np.asarray(cells / cells.sum(axis=2, keepdims=True))

    best = rates(np.ones((1, G + 1)))[0]
    value = (of_labels + counts @ best) / n
    weights = np.random.default_rng(0).exponential(size=(DRAWS, G + 1))
    drawn = (of_labels + counts @ rates(weights)) / n
    # The Bayesian bootstrap of few slides is narrower than they warrant.
    sampling = drawn.var(axis=0, ddof=1) * (G + 1) / max(1, G - 1)
    sampling += counts @ (best * (1 - best)) / n**2
    spread = (counts / n @ (best * (1 - best))) ** 2
    half = _half_width(sampling[None] + TAU2 * spread, _plausible_taus(best, tables, prior))
    return [
        Interval(float(v), float(max(0.0, v - h)), float(min(1.0, v + h)), n)
        for v, h in zip(value, half, strict=True)
    ]


def _prior(
    probabilities: NDArray[np.floating], predicted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what is thought of each prediction before labels (K, K).

    Half of it is the mean probabilities of the tiles predicted so; the other half says that any
    class may be there, so that no error among few labels is not taken for no error at all.
    """
    K = probabilities.shape[1]
    sums = np.eye(K) * 1e-3 + 1e-6
    np.add.at(sums, predicted, probabilities)
    return np.asarray(sums / sums.sum(axis=1, keepdims=True) / 2 + 1 / (2 * K))


def _plausible_taus(
    rates: NDArray[np.float64], tables: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how plausible each of `TAU2` is, for each class (T, K); a column adds up to 1.

    Each slide is held against the rates of the others; what it is off by more than chance is tau.
    """
    size, (G, K) = tables.sum(axis=(1, 2)), tables.shape[:2]
    if G < 2:
        return np.full((len(TAU2), K), 1 / len(TAU2))
    others = tables.sum(axis=0) - tables + PSEUDO * prior
    others /= others.sum(axis=2, keepdims=True)
    predicted = tables.sum(axis=2)
    off = (tables.sum(axis=1) - np.einsum("gi,gij->gj", predicted, others)) / size[:, None]
    spread = predicted @ (rates * (1 - rates)) / size[:, None]
    log_likelihood = np.empty((len(TAU2), K))
    for row, tau2 in enumerate(TAU2[:, 0]):
        # The others' rates are not known exactly either.
        variance = (spread / size[:, None] + tau2 * spread**2) * G / (G - 1)
        log_likelihood[row] = -(np.log(variance) + off**2 / variance).sum(axis=0) / 2
    weights = np.exp(log_likelihood - log_likelihood.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def _half_width(
    variances: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where 95 % of normal distributions that are mixed by weights lie (K), by halving."""
    scale = np.sqrt(np.maximum(variances, 1e-40))
    low, high = np.zeros(scale.shape[1]), 10 * scale.max(axis=0)
    for _ in range(40):
        middle = (low + high) / 2
        outside = 2 * (weights * ndtr(-middle / scale)).sum(axis=0)
        low, high = np.where(outside > 0.05, middle, low), np.where(outside > 0.05, high, middle)
    return np.asarray(high)
