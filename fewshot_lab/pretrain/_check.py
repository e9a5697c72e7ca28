"""“Is it helping?”: what the labels that exist say of the backbone, beside its frozen start."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewshot_lab.evaluation import balanced
from fewshot_lab.pretrain._cache import Decoded
from fewshot_lab.pretrain._health import effective_rank
from fewshot_lab.pretrain._recipe import Recipe

PROBE = 256
MOST = 2000
"""Labelled images looked at: more would narrow the interval little and cost a CPU minutes."""

Embedding = Callable[[Tensor], Tensor]


class Check:
    """Judges embeddings by the labels of a run's images.

    Parameters
    ----------
    data
    recipe
    """

    def __init__(self, data: Decoded, recipe: Recipe) -> None:
        random = np.random.default_rng([recipe.seed, 2])
        n = len(data.sources)
        rows = np.sort(random.choice(n, min(PROBE, n), replace=False))
        self.probe = _tensor(data.pixels[rows])
        labelled = np.array([row for row, s in enumerate(data.sources) if s.label is not None], int)
        if len(labelled) > MOST:
            labelled = np.sort(random.choice(labelled, MOST, replace=False))
        self._pixels = data.pixels
        self._rows = labelled
        self._labels = np.array([data.sources[row].label for row in labelled])
        # An image without a group is a group of its own.
        self._groups = np.array([data.sources[row].group or f"#{row}" for row in labelled], str)
        self._seed = recipe.seed

    def __call__(self, embed: Embedding) -> dict[str, Any]:
        """Return ``rank``, and ``knn`` and ``logistic`` balanced accuracy or None."""
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
        answer["knn"] = _cross_validated(embedded, labels, groups, _knn, self._seed)
        answer["logistic"] = _cross_validated(embedded, labels, groups, _logistic, self._seed)
        return answer

    def measure(self, answer: dict[str, Any]) -> float:
        """Return the one number by which the best teacher is chosen."""
        if answer["knn"] is not None:
            return float(answer["knn"]["value"])
        rank = float(answer["rank"])
        return rank if math.isfinite(rank) else -math.inf


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)


def _cross_validated(
    embedded: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    seed: int,
) -> dict[str, Any] | None:
    from sklearn.model_selection import StratifiedGroupKFold

    classes, code = np.unique(labels, return_inverse=True)
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
    k = len(classes)
    interval = balanced(
        np.bincount(code, right, k).astype(float),
        np.bincount(code, minlength=k).astype(float),
        images=len(code),
    )
    return dataclasses.asdict(interval)


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
