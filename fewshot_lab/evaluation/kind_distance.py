"""How far a picture is from the kind of picture that a classifier was made from.

numpy only: predict.py in a bundle carries this text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

STATISTICS = "picture statistics"


@dataclass(frozen=True)
class Level:
    """Where a pool's pictures lie by one set of features: of one stage, or picture statistics.

    The Mahalanobis distance to the nearest class mean, with one covariance for all classes (Lee et
    al. 2018, NeurIPS).

    Attributes
    ----------
    name : str
    columns : tuple of int, or None
        First and last but one column of the embedding; None for the picture's statistics.
    mean, scale : array (d,), float32
        Features are standardised: ``(x - mean) * scale``.
    whitening : array (d, d), float16
        Takes a standardised row to one whose covariance within a class is the identity.
    centres : array (c, d), float32
        The class means, whitened.
    middle, spread : float
        Of the logarithm of the distance over the pool's held-out images.
    """

    name: str
    columns: tuple[int, int] | None
    mean: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray
    centres: np.ndarray
    middle: float = 0.0
    spread: float = 1.0

    def features(self, embeddings: np.ndarray, statistics: np.ndarray | None) -> np.ndarray:
        """Return this level's features (n, d) of pictures."""
        if self.columns is None:
            assert statistics is not None
            return statistics.astype(np.float32)
        # Stored embeddings are rounded: so are those of new pictures.
        part = embeddings[:, slice(*self.columns)].astype(np.float16).astype(np.float32)
        return np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)

    def log_distance(self, features: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean squared distance per feature (n,)."""
        white = ((features - self.mean) * self.scale) @ self.whitening.astype(np.float32)
        nearest = np.full(len(white), np.inf, dtype=np.float32)
        for centre in self.centres:
            away = white - centre
            np.minimum(nearest, np.einsum("ij,ij->i", away, away), out=nearest)
        return np.log(nearest / len(self.mean) + 1e-12)

    def score(self, embeddings: np.ndarray, statistics: np.ndarray | None) -> np.ndarray:
        """Return how many spreads the distances lie above those of held-out images (n,)."""
        distance = self.log_distance(self.features(embeddings, statistics))
        return (distance - self.middle) / self.spread


@dataclass(frozen=True)
class KindDistance:
    """How far pictures are from the pool's kind, over several levels.

    Attributes
    ----------
    levels : tuple of Level
    cutoff : float
        Above it a picture is of another kind.
    """

    levels: tuple[Level, ...]
    cutoff: float

    @property
    def needs_statistics(self) -> bool:
        """Whether the pictures' statistics are looked at."""
        return any(level.columns is None for level in self.levels)

    def score(self, embeddings: np.ndarray, statistics: np.ndarray | None = None) -> np.ndarray:
        """Return the mean of the levels' scores (n,) of pictures with embeddings (n, D)."""
        scores = [level.score(embeddings, statistics) for level in self.levels]
        return np.asarray(np.mean(scores, axis=0))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to store, by name."""
        return {
            f"{number}-{name}": getattr(level, name)
            for number, level in enumerate(self.levels)
            for name in ("mean", "scale", "whitening", "centres")
        }

    def to_dict(self) -> dict[str, object]:
        """Return the plain values to store beside :meth:`arrays`."""
        keys = ("name", "columns", "middle", "spread")
        levels = [{key: getattr(level, key) for key in keys} for level in self.levels]
        return {"cutoff": self.cutoff, "levels": levels}

    @classmethod
    def of(cls, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> KindDistance:
        """Return what :meth:`to_dict` and :meth:`arrays` gave."""
        levels = []
        for number, each in enumerate(values["levels"]):
            mean, scale, whitening, centres = (
                arrays[f"{number}-{name}"] for name in ("mean", "scale", "whitening", "centres")
            )
            columns = None if each["columns"] is None else tuple(each["columns"])
            fitted = (mean, scale, whitening, centres, each["middle"], each["spread"])
            levels.append(Level(each["name"], columns, *fitted))
        return cls(tuple(levels), values["cutoff"])
