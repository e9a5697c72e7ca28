"""LDA that also rests on unlabelled images, by what it believes of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.lda import discriminants
from fewshot_lab.classifiers.softmax import softmax

Float = NDArray[np.floating[Any]]

FEW = 50
"""Labels per class up to which unlabelled images are looked at; with more they add nothing."""
IMAGES = 1000
"""Unlabelled images looked at, at most."""
COMPONENTS = 128
"""Of the pool's principal components, the leading ones that are used."""
COUNT = 20.0
"""How many labelled images of a class all unlabelled ones together weigh as much as."""
ROUNDS = 4
SHRINKAGE = 0.3
TEMPERATURE = 2.0
"""Of the scores from which the beliefs come."""


def fit_pooled(
    Z: Float, y: NDArray[np.int64], n_classes: int, weights: Float, unlabelled: Float
) -> Float:
    """Fit discriminants by a few rounds of expectation and maximisation, for each row weighting.

    At first the labelled images speak alone. Then each round believes, in probabilities, what the
    last one says of the unlabelled images, and takes means and spread from both. The unlabelled
    ones are weighted down to :data:`COUNT` images of each class (EM-lambda of Nigam et al. 2000,
    Machine Learning 39): the more are labelled, the less the others say. Their spread within the
    classes is what the believed means leave of their whole spread. Equal priors and shrinkage as
    in :func:`fit_lda`.

    Parameters
    ----------
    Z : array (n, p)
    y : array (n,)
        Class index, 0 ... n_classes - 1.
    weights : array (J, n)
        Row weights; 0 leaves a row out.
    unlabelled : array (m, p)

    Returns
    -------
    array (J, p + 1, K), float32
        Coefficients of the discriminants, the intercept in the last row. A class without a row
        gets an intercept of -1e4: it is never predicted.
    """
    n, p = Z.shape
    J, K, m = len(weights), n_classes, len(unlabelled)
    indicator = np.zeros((n, K), dtype=np.float32)
    indicator[np.arange(n), y] = 1
    mass = weights @ indicator
    has_mass = (mass > 0)[:, :, None]
    count = ((weights > 0).astype(np.float32) @ indicator)[:, :, None]
    each = (weights[:, :, None] * indicator).transpose(0, 2, 1).reshape(J * K, n)
    own = (each @ Z).reshape(J, K, p) / np.where(mass > 0, mass, 1)[:, :, None]
    total = np.maximum(weights.sum(axis=1), 1e-12)[:, None, None]
    whole = np.stack([(Z * w[:, None]).T @ Z for w in weights]) / total
    spread = whole - (own * mass[:, :, None] / total).transpose(0, 2, 1) @ own
    least = 0.25 * np.trace(whole, axis1=1, axis2=2)
    everything = unlabelled.T @ unlabelled / np.float32(m)

    out = _discriminants(own, spread, least, has_mass)
    for _ in range(ROUNDS):
        scores = unlabelled @ out[:, :-1].transpose(1, 0, 2).reshape(p, J * K)
        scores = scores.reshape(m, J, K) + out[:, -1]
        beliefs = softmax(scores / np.float32(TEMPERATURE))
        believed = beliefs.sum(axis=0)[:, :, None]
        means = (beliefs.reshape(m, J * K).T @ unlabelled).reshape(J, K, p)
        means /= np.maximum(believed, 1e-6)
        weight = np.where(has_mass, np.minimum(np.float32(COUNT), believed), 0)
        left = everything - (means * (believed / m)).transpose(0, 2, 1) @ means
        part = weight.sum(axis=1, keepdims=True)
        part /= np.maximum(part + count.sum(axis=1, keepdims=True), 1e-12)
        out = _discriminants(
            (count * own + weight * means) / np.maximum(count + weight, 1e-6),
            (1 - part) * spread + part * left,
            least,
            has_mass,
        )
    return out


def _discriminants(means: Float, within: Float, least: Float, present: NDArray[np.bool_]) -> Float:
    """Return the coefficients (J, p + 1, K) of means (J, K, p) and spreads (J, p, p)."""
    J, K, p = means.shape
    out = np.empty((J, p + 1, K), dtype=np.float32)
    for j in range(J):
        scale = max(float(np.trace(within[j])), float(least[j])) / p or 1.0
        out[j] = discriminants(means[j], within[j], present[j, :, 0], SHRINKAGE, scale)
    return out
