"""“Is it helping?”: what the labels that exist say of the backbone, beside its frozen start."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewshot_lab.classifiers import one_blas_thread
from fewshot_lab.pretrain.health import effective_rank
from fewshot_lab.pretrain.image_cache import DecodedImages
from fewshot_lab.pretrain.recipe import Recipe
from fewshot_lab.stats import balanced

PROBE = 256
MOST = 2000
"""Labelled images looked at: more would narrow the interval little and cost a CPU minutes."""

Embedding = Callable[[Tensor], Tensor]


class LabelCheck:
    """Judges embeddings by the labels of a run's images.

    Parameters
    ----------
    data
    recipe
    """

    def __init__(self, data: DecodedImages, recipe: Recipe) -> None:
        random = np.random.default_rng([recipe.seed, 2])
        n = len(data.images)
        rows = np.sort(random.choice(n, min(PROBE, n), replace=False))
        self.probe = _tensor(data.pixels[rows])
        labelled = np.array(
            [row for row, image in enumerate(data.images) if image.label is not None], int
        )
        if len(labelled) > MOST:
            labelled = np.sort(random.choice(labelled, MOST, replace=False))
        self._pixels = data.pixels
        self._rows = labelled
        self._labels = np.array([data.images[row].label for row in labelled])
        # An image without a group is a group of its own.
        self._groups = np.array([data.images[row].group or f"#{row}" for row in labelled], str)
        self._seed = recipe.seed
        self._first: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a resumed run needs: which images the frozen start told right."""
        return dict(self._first)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from :meth:`state_dict`."""
        self._first = dict(state)

    def __call__(self, embed: Embedding) -> dict[str, Any]:
        """Return ``rank``, and ``knn`` and ``logistic`` balanced accuracy or None.

        Each has its interval, and beside it the gain over the first call's, image by image.
        """
        answer: dict[str, Any] = {
            "rank": effective_rank(embed(self.probe)),
            "knn": None,
            "logistic": None,
        }
        classes, counts = np.unique(self._labels, return_counts=True)
        if (counts >= 5).sum() < 2:
            return answer
        keep = np.isin(self._labels, classes[counts >= 5])
        embedded = embed(_tensor(self._pixels[self._rows[keep]])).double().numpy()
        labels, groups = self._labels[keep], self._groups[keep]
        for name, predict in (("knn", _knn), ("logistic", _logistic)):
            with one_blas_thread():
                right = _cross_validated(embedded, labels, groups, predict, self._seed)
            if right is not None:
                first = self._first.setdefault(name, torch.from_numpy(right)).numpy()
                answer[name] = _interval(right, labels)
                answer[f"{name}_gain"] = gain(first, right, labels, groups)
        return answer

    def measure(self, answer: dict[str, Any]) -> float | None:
        """Return the one number by which the best teacher is chosen; None without labels.

        The effective rank is no such number: random weights may have a higher one than good ones.
        """
        return None if answer["knn"] is None else float(answer["knn"]["value"])


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)


def _cross_validated(
    embedded: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    seed: int,
) -> np.ndarray | None:
    """Return which images are told right by a classifier that has not seen their group."""
    from sklearn.model_selection import StratifiedGroupKFold

    _, code = np.unique(labels, return_inverse=True)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    try:
        split = list(folds.split(embedded, code, groups))
    except ValueError:
        return None
    right = np.zeros(len(code), bool)
    for train, test in split:
        if len(np.unique(code[train])) < 2:
            return None
        right[test] = predict(embedded[train], code[train], embedded[test]) == code[test]
    return right


def _interval(right: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    _, code = np.unique(labels, return_inverse=True)
    interval = balanced(
        np.bincount(code, right).astype(float), np.bincount(code).astype(float), images=len(code)
    )
    return dataclasses.asdict(interval)


def gain(
    before: np.ndarray, after: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> dict[str, float]:
    """Return how much balanced accuracy has risen on the same images.

    Paired, because both judge the same images: what is hard for both says nothing of the
    difference. The interval is that of a sum over groups (images of a patient rise and fall
    together), by linearisation.

    Parameters
    ----------
    before, after
        (n,) bool: told right.
    labels, groups
        (n,)

    Returns
    -------
    dict
        ``value``, and ``low`` and ``high`` of the 95 % interval.
    """
    _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    change = after.astype(float) - before.astype(float)
    by_class = np.bincount(code, change) / counts
    rest = (change - by_class[code]) / (counts[code] * len(counts))
    _, group = np.unique(groups, return_inverse=True)
    sums = np.bincount(group, rest)
    g = len(sums)
    half = 1.96 * math.sqrt(float((sums**2).sum()) * g / max(1, g - 1))
    value = float(by_class.mean())
    return {"value": value, "low": value - half, "high": value + half}


def _knn(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import normalize

    model = KNeighborsClassifier(min(20, len(train)), weights="distance")
    predicted: np.ndarray = model.fit(normalize(train), labels).predict(normalize(test))
    return predicted


def _logistic(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    centred = make_pipeline(
        StandardScaler(with_std=False),
        Normalizer(),
        LogisticRegression(C=10, class_weight="balanced", max_iter=300),
    )
    predicted: np.ndarray = centred.fit(train, labels).predict(test)
    return predicted
