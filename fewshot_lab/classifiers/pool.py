"""What is computed once per embedding matrix, whatever the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers.preparation import Preparation
from fewshot_lab.classifiers.reduction import Reduction
from fewshot_lab.classifiers.rows import CHUNK, Rows, evenly_spread
from fewshot_lab.classifiers.threads import one_blas_thread
from fewshot_lab.classifiers.two_byte_rows import TwoByteRows

COMPONENTS = 256
CACHE_BYTES = 256 * 2**20
SAMPLE, LARGE = 20_000, 1_500
"""Images from which principal axes are learnt (they settle long before), and the length of an
embedding above which the axes are found by random projections, from at most:"""
SAMPLE_OF_LARGE = 4_096
TWO_BYTES_FROM = 100_000
"""Images above which each of their numbers is held in two bytes."""
LEARNT_FROM = 65_536
"""Images from which centre and scale are learnt, at most; of more, some evenly spread."""


@dataclass(frozen=True)
class View:
    """All embeddings, prepared in one way and rotated to their principal axes.

    Attributes
    ----------
    reduction : Reduction
    variance : array (p,)
        Mean square of each component.
    numbers : array (N, p), float32 or int16
        The components, as they are held.
    """

    reduction: Reduction
    variance: NDArray[np.float32]
    numbers: NDArray[Any]


Keep = Callable[[str, Callable[[], View]], View]
"""Returns the view that is kept under a name, or makes it and keeps it."""


def _made(name: str, make: Callable[[], View]) -> View:
    return make()


class Pool:
    """All embedded images, prepared and rotated to their principal axes.

    Every classifier of this project's own is a function of the prepared embeddings. The rotation
    keeps the leading components, so that a refit and scoring the whole pool cost little; it is
    linear, so what is fitted on it is carried back to the embedding exactly.

    Parameters
    ----------
    X : Rows (N, d), float16 or float32
        Embeddings of all images: an array, or what reads them from the disk, block by block.
    components : int
        Principal components kept, at most.
    levelled : bool
        Prepare the embeddings levelled; see :class:`Preparation`.
    parts : Parts, optional
        What the d numbers are; one final embedding where it is not given.
    learnt : array (n,) of int, optional
        Rows that centre, scale and axes are learnt from, where not all: a reference test set must
        not be looked at.
    keep : callable, optional
        Where its views are kept; they are made anew where it is not given.

    Attributes
    ----------
    parts : Parts
    view : View
    prepare : Preparation
    rotation : array (d, p)
    variance : array (p,)
        Mean square of each component.
    rotated : array (N, p), float32
        Of more than :data:`TWO_BYTES_FROM` images :class:`TwoByteRows`: ask it for rows.
    """

    def __init__(
        self,
        X: Rows,
        *,
        components: int = COMPONENTS,
        levelled: bool = False,
        parts: Parts | None = None,
        learnt: NDArray[np.int64] | None = None,
        keep: Keep = _made,
    ):
        self.X = X
        self.parts = parts or Parts.final(X.shape[1])
        self._learnt, self._keep = learnt, keep
        n = len(X)
        name = f"{self.parts.dimensions}{'-levelled' * levelled}"
        with one_blas_thread():
            self.view = keep(name, lambda: self._make(components, levelled))
        self.prepare, self.rotation = self.view.reduction.prepare, self.view.reduction.rotation
        self.variance = self.view.variance
        # What reads as an array of float32 does for whoever asks.
        self.rotated: NDArray[np.float32] = _readable(self.view.numbers)
        self._dots: tuple[dict[int, int], NDArray[np.float32]] = ({}, np.empty((0, n), np.float32))

    def _make(self, components: int, levelled: bool) -> View:
        n = len(self)
        seen = np.arange(n) if self._learnt is None else self._learnt
        some = evenly_spread(seen, LEARNT_FROM)
        prepare = Preparation.of(self.X, self.parts, levelled=levelled, rows=some)
        variance, rotation = self._axes(prepare, seen, components)
        kind = np.int16 if n > TWO_BYTES_FROM else np.float32
        view = View(Reduction(prepare, rotation), variance, np.empty((n, rotation.shape[1]), kind))
        _fill(_readable(view.numbers), self.X, view.reduction)
        return view

    def _axes(
        self, prepare: Preparation, seen: NDArray[np.int64], components: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean square along the leading axes (p,), and the axes (d, p)."""
        n, large = len(seen), self.parts.dimensions > LARGE
        rows = evenly_spread(seen, SAMPLE_OF_LARGE if large else SAMPLE)
        p = max(1, min(components, self.parts.dimensions, max(n, 1)))
        if large:
            return _leading_of(prepare(self.X[rows]), p)
        scatter = np.zeros((self.parts.dimensions,) * 2, dtype=np.float32)
        for start in range(0, len(rows), CHUNK):
            Z = prepare(self.X[rows[start : start + CHUNK]])
            scatter += (Z.T @ Z).astype(np.float32)
        return _leading(scatter / max(len(rows), 1), p)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def is_kept(self) -> bool:
        """Whether its views need not be made again."""
        return self._keep is not _made

    @cached_property
    def levelled(self) -> Pool:
        """A second view of the same embeddings, levelled; made when first asked for."""
        p = self.rotation.shape[1]
        return Pool(
            self.X,
            components=p,
            levelled=True,
            parts=self.parts,
            learnt=self._learnt,
            keep=self._keep,
        )

    @cached_property
    def finals(self) -> Pool:
        """The pool by the final embeddings alone; made when first asked for."""
        if not self.parts.has_stages:
            return self
        return Pool(self.X, parts=self.parts.finals, learnt=self._learnt, keep=self._keep)

    def rotate(self, X: Rows) -> NDArray[np.float32]:
        """Return the leading components (n, p) of prepared embeddings."""
        out = np.empty((len(X), self.rotation.shape[1]), dtype=np.float32)
        _fill(out, X, self.view.reduction)
        return out

    def cosines(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine of each given row with every image (m, N).

        Kept from call to call, so that a newly labelled image costs one row; for as many rows as
        :meth:`keeps_cosines` says.
        """
        place, table = self._dots
        n = len(self)
        new = [int(r) for r in dict.fromkeys(rows.tolist()) if int(r) not in place]
        if not self.keeps_cosines(len(place) + len(new)):
            place, table = {}, np.empty((0, n), np.float32)
            new = list(dict.fromkeys(rows.tolist()))
        if new:
            fresh = np.empty((len(new), n), dtype=np.float32)
            with one_blas_thread():
                own = self.prepare(self.X[np.asarray(new)])
                for start in range(0, n, CHUNK):
                    stop = start + CHUNK
                    fresh[:, start:stop] = own @ self.prepare(self.X[start:stop]).T
            place = place | {row: len(place) + i for i, row in enumerate(new)}
            table = np.concatenate([table, fresh])
            self._dots = (place, table)
        return table[[place[int(r)] for r in rows]]

    def keeps_cosines(self, count: int) -> bool:
        """Return whether the cosines of so many rows with every image fit into 256 MB."""
        return count * len(self) * 4 <= CACHE_BYTES

    def cosines_among(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosines between given rows (m, m)."""
        if self.keeps_cosines(len(rows)):
            return self.cosines(rows)[:, rows]
        own = self.prepare(self.X[rows])
        return np.asarray(own @ own.T)


def _readable(numbers: NDArray[Any]) -> Any:
    return TwoByteRows(numbers) if numbers.dtype == np.int16 else numbers


def _fill(out: Any, X: Rows, reduction: Reduction) -> None:
    for start in range(0, len(X), CHUNK):
        out[start : start + CHUNK] = reduction(X[start : start + CHUNK])


def _leading(
    scatter: NDArray[np.floating[Any]], p: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from scipy.linalg import eigh

    d = len(scatter)
    values, vectors = eigh(
        scatter.astype(np.float64), subset_by_index=[d - p, d - 1], check_finite=False
    )
    vectors = vectors[:, ::-1]
    return np.maximum(values[::-1], 0).astype(np.float32), _signed(vectors)


def _leading_of(Z: NDArray[np.float32], p: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the same of the rows themselves (Halko, Martinsson and Tropp 2011, SIAM Review 53)."""
    from sklearn.utils.extmath import randomized_svd

    if not len(Z):
        return np.zeros(p, np.float32), np.eye(Z.shape[1], p, dtype=np.float32)
    _, lengths, axes = randomized_svd(Z, p, n_oversamples=32, n_iter=2, random_state=0)
    return (lengths**2 / len(Z)).astype(np.float32), _signed(axes.T)


def _signed(axes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Fix the signs of axes (d, p), which are arbitrary, so that every machine agrees."""
    sign = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    sign[sign == 0] = 1
    return np.ascontiguousarray(axes * sign, dtype=np.float32)
