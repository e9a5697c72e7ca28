"""From an embedding to the unit vector that classifiers, map and search see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.backbones import FINAL, Parts
from fewshot_lab.classifiers.rows import CHUNK, Rows

GAIN = 30.0
"""How far the square root reaches down, in mean embeddings: from mean / GAIN it is a root."""
FLAT, FLAT_GAIN = 0.1, 10.0
"""The exponent of the levelled view, nearly a logarithm, and how far that reaches down."""
FLOOR = 0.1
"""Features that vary less than this, in root mean squares of all, are levelled as if they did."""
STAGE_WEIGHT = 1.0
"""Length of a stage's vector beside that of a final one: lengths from 0.7 to 1.5 did alike."""


@dataclass(frozen=True)
class Block:
    """How one part of an embedding becomes a vector of a fixed length.

    Attributes
    ----------
    columns : slice
        Where it stands in the embedding.
    gain : float
        ``sqrt(1 + gain * x)`` is taken first; 0 for nothing.
    centre : array (d,)
        The pool's mean, of the roots where they are taken.
    scale : array (d,) or None
        What each feature is multiplied by; None for nothing.
    exponent : float
        Of the root.
    weight : float
        The length that is left.
    """

    columns: slice
    gain: float
    centre: NDArray[np.float32]
    scale: NDArray[np.float32] | None
    exponent: float
    weight: float

    def compressed(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the part of embeddings (n, D) before centring (n, d)."""
        Z = np.nan_to_num(
            X[:, self.columns].astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0
        )
        if self.gain:
            Z *= np.float32(self.gain)
            np.maximum(Z, 0, out=Z)
            if self.exponent == 0.5:
                Z += 1
                np.sqrt(Z, out=Z)
            else:
                np.log1p(Z, out=Z)
                Z *= np.float32(self.exponent)
                np.exp(Z, out=Z)
        return Z

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return vectors (n, d) of length ``weight``; a row at the centre stays zero."""
        Z = self.compressed(X)
        Z -= self.centre
        if self.scale is not None:
            Z *= self.scale
        length = np.sqrt(np.einsum("ij,ij->i", Z, Z))
        length[length == 0] = 1
        Z /= (length / np.float32(self.weight))[:, None]
        return Z

    def sklearn_steps(self) -> list[tuple[str, Any]]:
        """Return the same as fitted stock transformers, before the part's weight.

        The root is a Yeo-Johnson transform with lambda 1/2, ``2 (sqrt(1 + x) - 1)``, of the
        scaled embedding: PowerTransformer, as the paper's pipeline has one. (A logarithm proper,
        lambda 0, skl2onnx converts wrongly.)
        """
        from sklearn.preprocessing import Normalizer, PowerTransformer, StandardScaler

        d = len(self.centre)
        steps: list[tuple[str, Any]] = []
        centre = self.centre.astype(np.float64)
        if self.gain:
            root = PowerTransformer(method="yeo-johnson", standardize=False)
            root.lambdas_ = np.full(d, self.exponent)
            root.n_features_in_ = d
            steps += [("gain", _scaling(np.full(d, self.gain))), ("root", root)]
            centre = (centre - 1) / self.exponent
        scaler = StandardScaler(with_std=self.scale is not None)
        scaler.fit(np.stack([centre, centre]))
        if self.scale is not None:
            scaler.scale_ = 1 / self.scale.astype(np.float64)
            scaler.var_ = scaler.scale_**2
        return [*steps, ("centre", scaler), ("normalise", Normalizer().fit(centre[None]))]


def _scaling(factors: NDArray[np.float64]) -> Any:
    """Return a fitted StandardScaler that multiplies each feature by its factor."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler(with_mean=False)
    scaler.scale_ = 1 / factors
    scaler.var_ = scaler.scale_**2
    scaler.mean_ = None
    scaler.n_features_in_, scaler.n_samples_seen_ = len(factors), 1
    return scaler


@dataclass(frozen=True)
class Preparation:
    """From an embedding to the unit vector that classifiers see.

    Each part is prepared by itself, and the vectors are put behind one another.

    A final embedding that is non-negative (a mean over ReLU activations) is skewed: few images make
    a feature large. Its square root is taken first, as Fisher vectors' are (Perronnin et al. 2010,
    ECCV), softened near zero: ``sqrt(1 + gain * x)``. A signed one is left as it is. Then the
    pool's mean is subtracted and each row is scaled to one length.

    Levelled, it is the tenth root, nearly a logarithm, and each feature is divided by the square
    root of its standard deviation over the pool, half-way to unit variance: what few images show
    then counts for more. Both are Yeo and Johnson's (2000, Biometrika 87) transform, which Nielsen
    et al. 2023 fit to the few labelled images, feature by feature.

    An inner stage is standardised over the pool, since its means and deviations are of any size,
    and scaled to a length of its own (:data:`STAGE_WEIGHT`).

    Attributes
    ----------
    blocks : tuple of Block
    width : int
        Length of an embedding, with parts that are not looked at.
    """

    blocks: tuple[Block, ...]
    width: int

    @classmethod
    def of(
        cls,
        X: Rows,
        parts: Parts | None = None,
        *,
        levelled: bool = False,
        rows: NDArray[np.int64] | None = None,
    ) -> Preparation:
        """Learn it from the embeddings (N, d) of a pool, from some rows of them where given."""
        parts = parts or Parts.final(X.shape[1])
        weights = {
            name: 1.0 if name.startswith(FINAL) else STAGE_WEIGHT for name, _ in parts.lengths
        }
        whole = float(np.sqrt(sum(weight**2 for weight in weights.values())))
        learning = [
            _Learning(columns, weights[name] / whole, name.startswith(FINAL), levelled)
            for name, columns in parts.slices.items()
        ]
        # All blocks of a chunk at a time: it may come from the disk.
        for look in (_Learning.look_for_gain, _Learning.look_for_spread):
            for chunk in _chunks(X, rows):
                for block in learning:
                    look(block, chunk)
        return cls(tuple(block.learnt() for block in learning), X.shape[1])

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return unit vectors (n, d)."""
        if len(self.blocks) == 1:
            return self.blocks[0](X)
        return np.concatenate([block(X) for block in self.blocks], axis=1)

    def sklearn_steps(self) -> list[tuple[str, Any]]:
        """Return the same as fitted stock transformers, for the head of a Pipeline."""
        if len(self.blocks) == 1 and len(self.blocks[0].centre) == self.width:
            return self.blocks[0].sklearn_steps()
        from sklearn.pipeline import Pipeline

        parts = []
        for block in self.blocks:
            weighted = ("weight", _scaling(np.full(len(block.centre), block.weight)))
            parts.append((block.columns, Pipeline([*block.sklearn_steps(), weighted])))
        return [("parts", _columns_transformer(parts, self.width))]


def first_columns(count: int, width: int) -> list[tuple[str, Any]]:
    """Return a step that keeps the first columns of an embedding, where there are more."""
    if count == width:
        return []
    from sklearn.compose import ColumnTransformer

    kept = ColumnTransformer([("final", "passthrough", slice(0, count))])
    kept.fit(np.zeros((1, width), np.float32))
    return [("final", _with_arrays(kept, kept.transformers_[:1]))]


def _columns_transformer(parts: list[tuple[slice, Any]], width: int) -> Any:
    """Return a ColumnTransformer of transformers that are fitted already, each of its columns."""
    from sklearn.compose import ColumnTransformer

    named = [(f"part {n}", part, columns) for n, (columns, part) in enumerate(parts)]
    # Fitted with stand-ins, since fitting would fit the parts anew.
    whole = ColumnTransformer([(name, "passthrough", columns) for name, _, columns in named])
    whole.fit(np.zeros((1, width), np.float32))
    whole.transformers = named
    return _with_arrays(whole, named)


def _with_arrays(fitted: Any, transformers: list[tuple[str, Any, slice]]) -> Any:
    """Return a ColumnTransformer with its transformers, and arrays of columns instead of lists.

    skops writes a list number by number, each with its type: seconds, and megabytes.
    """
    columns = fitted._transformer_to_input_indices
    fitted._transformer_to_input_indices = {n: np.asarray(c, np.int64) for n, c in columns.items()}
    name, action, left_over = fitted._remainder
    fitted._remainder = name, action, np.asarray(left_over, np.int64)
    fitted.transformers_ = transformers
    return fitted


def _chunks(X: Rows, rows: NDArray[np.int64] | None) -> Iterator[NDArray[Any]]:
    for start in range(0, len(X) if rows is None else len(rows), CHUNK):
        chunk = slice(start, start + CHUNK)
        yield X[chunk] if rows is None else X[rows[chunk]]


class _Learning:
    """A block while it is learnt: its gain in a first look at all embeddings, then the rest."""

    def __init__(self, columns: slice, weight: float, final: bool, levelled: bool) -> None:
        d = columns.stop - columns.start
        self._final, self._levelled = final, levelled
        scale = np.ones(d, dtype=np.float32) if levelled or not final else None
        exponent = FLAT if levelled else 0.5
        self._block = Block(columns, 0.0, np.zeros(d, dtype=np.float32), scale, exponent, weight)
        self._n, self._signed, self._total = 0, False, 0.0
        self._sums, self._squares = np.zeros(d, dtype=np.float64), np.zeros(d, dtype=np.float64)

    def look_for_gain(self, X: NDArray[Any]) -> None:
        self._n += len(X)
        if self._final:
            part = self._block.compressed(X)
            self._signed = self._signed or bool((part < 0).any())
            self._total += float(part.sum(dtype=np.float64))

    def look_for_spread(self, X: NDArray[Any]) -> None:
        if self._final and not self._signed and self._total > 0 and not self._block.gain:
            reach = FLAT_GAIN if self._levelled else GAIN
            gain = float(np.float32(reach * self._n * len(self._sums) / self._total))
            self._block = replace(self._block, gain=gain)
        part = self._block.compressed(X)
        self._sums += part.sum(axis=0, dtype=np.float64)
        if self._block.scale is not None:
            self._squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)

    def learnt(self) -> Block:
        mean, scale = self._sums / max(self._n, 1), None
        if self._block.scale is not None:
            variance = np.maximum(self._squares / max(self._n, 1) - mean**2, 0)
            typical = float(variance.mean()) or 1.0
            # Half-way to unit variance for a final embedding, all the way for a stage.
            power = -0.25 if self._final else -0.5
            scale = ((variance / typical + FLOOR**2) ** power).astype(np.float32)
        return replace(self._block, centre=mean.astype(np.float32), scale=scale)
