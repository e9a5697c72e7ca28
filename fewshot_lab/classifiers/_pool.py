"""What is computed once per embedding matrix, whatever the labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers._threads import one_blas_thread

COMPONENTS = 256
GAIN = 30.0
"""How far the square root reaches down, in mean embeddings: from mean / GAIN it is a root."""
FLAT, FLAT_GAIN = 0.1, 10.0
"""The exponent of the levelled view, nearly a logarithm, and how far that reaches down."""
FLOOR = 0.1
"""Features that vary less than this, in root mean squares of all, are levelled as if they did."""
CHUNK = 4096
CACHE_BYTES = 256 * 2**20


def _finite(X: NDArray[Any]) -> NDArray[np.float32]:
    return np.nan_to_num(X.astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0)


@dataclass(frozen=True)
class Preparation:
    """From an embedding to the unit vector that classifiers see.

    Non-negative embeddings (a mean over ReLU activations) are skewed: few images make a feature
    large. Their square root is taken first, as Fisher vectors' are (Perronnin et al. 2010, ECCV),
    softened near zero: ``sqrt(1 + gain * x)``. Signed embeddings are left as they are. Then the
    pool's mean is subtracted and each row is scaled to length 1.

    Levelled, it is the tenth root, nearly a logarithm, and each feature is divided by the square
    root of its standard deviation over the pool, half-way to unit variance: what few images show
    then counts for more. Both are Yeo and Johnson's (2000, Biometrika 87) transform, which Nielsen
    et al. 2023 fit to the few labelled images, feature by feature.

    Attributes
    ----------
    gain : float
        0 for signed embeddings.
    centre : array (d,)
        The pool's mean, of the roots where they are taken.
    scale : array (d,) or None
        What each feature is multiplied by, levelled; None where it is not.
    """

    gain: float
    centre: NDArray[np.float32]
    scale: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, X: NDArray[Any], *, levelled: bool = False) -> Preparation:
        """Learn it from all embeddings (N, d) of a pool."""
        n, d = X.shape
        signed, total = False, 0.0
        for start in range(0, n, CHUNK):
            part = _finite(X[start : start + CHUNK])
            signed = signed or bool((part < 0).any())
            total += float(part.sum(dtype=np.float64))
        reach = FLAT_GAIN if levelled else GAIN
        gain = 0.0 if signed or total <= 0 else float(np.float32(reach * n * d / total))
        nothing, ones = np.zeros(d, dtype=np.float32), np.ones(d, dtype=np.float32)
        unset = cls(gain, nothing, ones if levelled else None)
        sums, squares = np.zeros(d, dtype=np.float64), np.zeros(d, dtype=np.float64)
        for start in range(0, n, CHUNK):
            part = unset._compressed(X[start : start + CHUNK])
            sums += part.sum(axis=0, dtype=np.float64)
            if levelled:
                squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
        mean = sums / max(n, 1)
        scale = None
        if levelled:
            variance = np.maximum(squares / max(n, 1) - mean**2, 0)
            typical = float(variance.mean()) or 1.0
            scale = ((variance / typical + FLOOR**2) ** -0.25).astype(np.float32)
        return cls(gain, mean.astype(np.float32), scale)

    def _compressed(self, X: NDArray[Any]) -> NDArray[np.float32]:
        Z = _finite(X)
        if self.gain:
            Z *= np.float32(self.gain)
            np.maximum(Z, 0, out=Z)
            if self.scale is None:
                Z += 1
                np.sqrt(Z, out=Z)
            else:
                np.log1p(Z, out=Z)
                Z *= np.float32(FLAT)
                np.exp(Z, out=Z)
        return Z

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return unit vectors (n, d); a row at the centre stays zero."""
        Z = self._compressed(X)
        Z -= self.centre
        if self.scale is not None:
            Z *= self.scale
        norm = np.sqrt(np.einsum("ij,ij->i", Z, Z))
        norm[norm == 0] = 1
        Z /= norm[:, None]
        return Z

    def sklearn_steps(self) -> list[tuple[str, Any]]:
        """Return the same as fitted stock transformers, for the head of a Pipeline.

        The root is a Yeo-Johnson transform with lambda 1/2, ``2 (sqrt(1 + x) - 1)``, of the
        scaled embedding: PowerTransformer, as the paper's pipeline has one. (A logarithm proper,
        lambda 0, skl2onnx converts wrongly.)
        """
        from sklearn.preprocessing import Normalizer, PowerTransformer, StandardScaler

        d = len(self.centre)
        steps: list[tuple[str, Any]] = []
        centre = self.centre.astype(np.float64)
        if self.gain:
            gain = StandardScaler(with_mean=False)
            gain.scale_ = np.full(d, 1 / self.gain)
            gain.var_ = gain.scale_**2
            gain.mean_ = None
            gain.n_features_in_, gain.n_samples_seen_ = d, 1
            exponent = 0.5 if self.scale is None else FLAT
            root = PowerTransformer(method="yeo-johnson", standardize=False)
            root.lambdas_ = np.full(d, exponent)
            root.n_features_in_ = d
            steps += [("gain", gain), ("root", root)]
            centre = (centre - 1) / exponent
        scaler = StandardScaler(with_std=self.scale is not None)
        scaler.fit(np.stack([centre, centre]))
        if self.scale is not None:
            scaler.scale_ = 1 / self.scale.astype(np.float64)
            scaler.var_ = scaler.scale_**2
        return [*steps, ("centre", scaler), ("normalise", Normalizer().fit(centre[None]))]


class Pool:
    """All embedded images, prepared and rotated to their principal axes.

    Every classifier of this project's own is a function of the prepared embeddings. The rotation
    keeps the leading components, so that a refit and scoring the whole pool cost little; it is
    linear, so what is fitted on it is carried back to the embedding exactly.

    Parameters
    ----------
    X : array (N, d), float16 or float32
        Embeddings of all images.
    components : int
        Principal components kept, at most.
    levelled : bool
        Prepare the embeddings levelled; see :class:`Preparation`.

    Attributes
    ----------
    prepare : Preparation
    rotation : array (d, p)
    variance : array (p,)
        Mean square of each component.
    rotated : array (N, p), float32
    """

    def __init__(self, X: NDArray[Any], *, components: int = COMPONENTS, levelled: bool = False):
        self.X = X
        n, d = X.shape
        with one_blas_thread():
            self.prepare = Preparation.of(X, levelled=levelled)
            scatter = np.zeros((d, d), dtype=np.float32)
            # Principal axes settle long before 20,000 images.
            rows = np.linspace(0, n - 1, min(n, 20_000)).astype(np.int64)
            for start in range(0, len(rows), CHUNK):
                Z = self.prepare(X[rows[start : start + CHUNK]])
                scatter += Z.T @ Z
            p = max(1, min(components, d, max(n, 1)))
            self.variance, self.rotation = _leading(scatter / max(len(rows), 1), p)
            self.rotated = np.empty((n, p), dtype=np.float32)
            for start in range(0, n, CHUNK):
                self.rotated[start : start + CHUNK] = self.rotate(X[start : start + CHUNK])
        self._dots: tuple[dict[int, int], NDArray[np.float32]] = ({}, np.empty((0, n), np.float32))

    def __len__(self) -> int:
        return len(self.X)

    @cached_property
    def levelled(self) -> Pool:
        """A second view of the same embeddings, levelled; made when first asked for."""
        return Pool(self.X, components=self.rotation.shape[1], levelled=True)

    def rotate(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the leading components (n, p) of prepared embeddings."""
        return self.prepare(X) @ self.rotation

    def cosines(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine of each given row with every image (m, N).

        Kept from call to call (up to 256 MB), so that a newly labelled image costs one row.
        """
        known, table = self._dots
        n = len(self)
        new = [int(r) for r in dict.fromkeys(rows.tolist()) if int(r) not in known]
        fits = (len(known) + len(new)) * n * 4 <= CACHE_BYTES
        if not fits:
            known, table = {}, np.empty((0, n), np.float32)
            new = list(dict.fromkeys(rows.tolist()))
        if new:
            fresh = np.empty((len(new), n), dtype=np.float32)
            with one_blas_thread():
                own = self.prepare(self.X[np.asarray(new)])
                for start in range(0, n, CHUNK):
                    stop = start + CHUNK
                    fresh[:, start:stop] = own @ self.prepare(self.X[start:stop]).T
            known = known | {row: len(known) + i for i, row in enumerate(new)}
            table = np.concatenate([table, fresh])
            if len(known) * n * 4 <= CACHE_BYTES:
                self._dots = (known, table)
        return table[[known[int(r)] for r in rows]]

    @cached_property
    def density(self) -> NDArray[np.float32]:
        """How close each image lies to its nearest ones (N,): mean cosine to the 20 nearest.

        Among a sample of at most 4,096 images, on 64 components; for ranking only.
        """
        n = len(self)
        short = np.ascontiguousarray(self.rotated[:, :64])
        norm = np.linalg.norm(short, axis=1, keepdims=True)
        short = short / np.where(norm == 0, 1, norm)
        rng = np.random.default_rng(0)
        sample = np.sort(rng.permutation(n)[:4096])
        k = max(1, min(20, len(sample) - 1))
        out = np.empty(n, dtype=np.float32)
        for start in range(0, n, 1024):
            similar = short[start : start + 1024] @ short[sample].T
            similar.partition(similar.shape[1] - k, axis=1)
            out[start : start + 1024] = similar[:, -k:].mean(axis=1)
        return out


def _leading(
    scatter: NDArray[np.floating[Any]], p: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from scipy.linalg import eigh

    d = len(scatter)
    values, vectors = eigh(
        scatter.astype(np.float64), subset_by_index=[d - p, d - 1], check_finite=False
    )
    vectors = vectors[:, ::-1]
    # The sign of an eigenvector is arbitrary: fix it, so that every machine agrees.
    sign = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(p)])
    sign[sign == 0] = 1
    return (
        np.maximum(values[::-1], 0).astype(np.float32),
        np.ascontiguousarray(vectors * sign, dtype=np.float32),
    )
