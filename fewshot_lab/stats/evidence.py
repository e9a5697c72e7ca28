"""The images that probabilities are judged on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Source = Literal["audit", "out-of-fold"]

ENOUGH = 50
"""Labelled audit images from which they are the evidence; below it is the cross-validation."""


@dataclass(frozen=True)
class Evidence:
    """Images with a known class and the probabilities of a classifier that did not learn from them.

    Attributes
    ----------
    probabilities : array (n, K)
    y : array (n,)
        Class index; -1 for a class that the classifier does not know: always wrong.
    groups : array (n,) of int
        Images of one group (a patient) do not count as independent.
    source : {"audit", "out-of-fold"}
        Drawn at random from the pool, or labelled images left out in cross-validation.
    unlike : array (n,) of bool
        Images unlike anything labelled: never decided.
    """

    probabilities: Float
    y: NDArray[np.int64]
    groups: NDArray[np.int64]
    source: Source
    unlike: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[Any]) -> Evidence:
        """Return some of the images."""
        return Evidence(
            self.probabilities[rows],
            self.y[rows],
            self.groups[rows],
            self.source,
            self.unlike[rows],
        )

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Class index of the most probable class (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Its probability (n,)."""
        return np.asarray(self.probabilities.max(axis=1).astype(np.float64))

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether it is the true class (n,)."""
        return np.asarray(self.predicted == self.y)

    @property
    def words(self) -> str:
        """What it is, for people: "on 120 audit images"."""
        if self.source == "audit":
            return f"on {len(self):,} audit images, drawn at random"
        return (
            f"on {len(self):,} labelled images left out in cross-validation, "
            "chosen by people and suggestions"
        )
