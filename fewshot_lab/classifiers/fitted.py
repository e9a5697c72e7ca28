"""A fitted classifier, and its answers of images it did not learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.calibration import Calibration
from fewshot_lab.classifiers.models import Model
from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.recipe import Recipe
from fewshot_lab.classifiers.rows import Rows, by_blocks
from fewshot_lab.classifiers.stage_choice import Reading

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class OutOfFold:
    """What was predicted for each labelled image by classifiers that had not seen it.

    Attributes
    ----------
    probabilities : array (R, n, K)
        One set per repeat of the cross-validation; NaN where an image was never held out.
    y : array (n,)
        Class index of each image.
    groups : array (n,)
        What was kept on one side of every split.
    folds : array (R, n)
        The fold in which each image was held out; -1: in none, it always trained.
    """

    probabilities: Float
    y: NDArray[np.int64]
    groups: NDArray[np.int64]
    folds: NDArray[np.int64]

    def without(self, images: NDArray[np.bool_]) -> OutOfFold:
        """Return the same as if these images (n,) had never been held out."""
        probabilities = self.probabilities.copy()
        probabilities[:, images] = np.nan
        return OutOfFold(probabilities, self.y, self.groups, np.where(images[None], -1, self.folds))

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which images were held out in some repeat (n,)."""
        return np.asarray(~np.isnan(self.probabilities[:, :, 0]).all(axis=0))

    @cached_property
    def mean(self) -> Float:
        """Probabilities averaged over the repeats (n, K); NaN where never held out."""
        out = np.full(self.probabilities.shape[1:], np.nan, dtype=np.float32)
        if self.scored.any():
            out[self.scored] = np.nanmean(self.probabilities[:, self.scored], axis=0)
        return out


@dataclass(frozen=True)
class Fitted:
    """A classifier with calibrated probabilities, and how it came to be chosen.

    Attributes
    ----------
    name, title : str
        As in the registry ("lda"), and for people ("LDA").
    class_ids : array (K,)
        Class ids in ascending order: the order of the columns of all probabilities.
    sentence : str
        What was chosen and by how much.
    parameters : dict
        The chosen settings, and the temperature.
    calibration : Calibration
        How scores become probabilities, and why so.
    reading : Reading
        Which parts of an embedding it reads, and why.
    out_of_fold : OutOfFold
    recipe : Recipe or None
        By which it was fitted; None for the paper's classifiers.
    """

    name: str
    title: str
    class_ids: NDArray[np.int64]
    sentence: str
    parameters: dict[str, float]
    calibration: Calibration
    reading: Reading
    model: Model = field(repr=False)
    out_of_fold: OutOfFold = field(repr=False)
    recipe: Recipe | None = field(default=None, repr=False)

    def probabilities(self, X: Rows) -> Float:
        """Return calibrated probabilities (n, K) of embeddings (n, d), on the disk or not."""
        return by_blocks(self.model.probabilities, X)

    def predict(self, X: Rows) -> NDArray[np.int64]:
        """Return the most probable class id of each embedding."""
        return np.asarray(self.class_ids[self.probabilities(X).argmax(axis=1)])

    def pool_probabilities(
        self,
        pool: Pool,
        rows: NDArray[np.int64] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Float:
        """Return calibrated probabilities of the pool that this was fitted with.

        Parameters
        ----------
        pool : Pool
        rows : array (m,) of int, optional
            Images of it; all (N) where they are not given.
        check : callable
            Called every some thousand images; what it raises ends it.

        Returns
        -------
        array (m, K)
        """
        return self.model.pool_probabilities(self.pool_read(pool), rows, check)

    def pool_read(self, pool: Pool) -> Pool:
        """Return the pool as this classifier reads it: with inner stages or without."""
        return pool if self.reading.stages else pool.finals

    def to_sklearn(self) -> Any:
        """Return a scikit-learn Pipeline of stock classes with the same probabilities (1e-5).

        skl2onnx converts it and skops stores it, but for ``paper-knn``, whose distance weights
        skl2onnx computes differently. The most probable class is the prediction; the ``predict``
        of ``paper-svm`` is libsvm's vote instead, which may differ.
        """
        return self.model.to_sklearn(self.class_ids)
