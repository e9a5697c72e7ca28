"""Figures of one set of predictions."""

import numpy as np
from numpy.typing import NDArray

BINS = 15


def balanced_accuracy(y: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean recall over the classes present in `y`."""
    return float(np.mean([(predicted[y == k] == k).mean() for k in np.unique(y)]))


def macro_f1(y: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean F1 over the classes present in `y`."""
    from sklearn.metrics import f1_score

    labels = np.unique(y)
    return float(f1_score(y, predicted, labels=labels, average="macro", zero_division=0))


def auroc(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the mean area under the ROC curve, each class against the others.

    Parameters
    ----------
    probabilities : array (m, K)
        Column k is of class k.
    """
    from sklearn.metrics import roc_auc_score

    by_class = [
        roc_auc_score(y == k, probabilities[:, k])
        for k in np.unique(y)
        if 0 < (y == k).sum() < len(y)
    ]
    return float(np.mean(by_class)) if by_class else float("nan")


def calibration_error(
    y: NDArray[np.int64], probabilities: NDArray[np.float64], bins: int = BINS
) -> float:
    """Return the expected calibration error of the top class (Naeini et al. 2015, AAAI).

    Mean distance between confidence and accuracy in bins of equal width.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    n = np.bincount(place, minlength=bins)
    gap = np.abs(
        np.bincount(place, confidence, bins) - np.bincount(place, right.astype(float), bins)
    )
    return float(gap[n > 0].sum() / len(y))
