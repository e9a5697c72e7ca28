"""From scores to probabilities: the maps that calibration chooses between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.softmax import softmax

Float = NDArray[np.floating[Any]]

GAP = 0.004
"""Least distance between the knots of an isotonic map.

A steeper map would turn the rounding of a probability in fp32 into a difference between the app
and the bundle that a person can see.
"""


class Map(Protocol):
    """From scores (m, K) to probabilities (m, K)."""

    def __call__(self, scores: Float, /) -> Float:
        """Return probabilities."""


@dataclass(frozen=True)
class Softmax:
    """Softmax of the scores over one temperature (Guo et al. 2017, ICML)."""

    temperature: float

    def __call__(self, scores: Float) -> Float:
        """Return probabilities."""
        return softmax(scores / np.float32(self.temperature))


@dataclass(frozen=True)
class Vector:
    """Softmax with a slope and an offset for each class: Platt's sigmoid for several classes.

    Vector scaling (Guo et al. 2017, ICML); with two classes it is Platt's sigmoid. Sigmoids fitted
    to one class against the others and then normalised, as scikit-learn's CalibratedClassifierCV
    does it, lose what the softmax knows of the other classes: their log loss on blood cells was a
    third higher.

    Attributes
    ----------
    slopes, offsets : array (K,)
        Of the scores less their mean over the classes: linear scores are only known up to that.
    """

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def __call__(self, scores: Float) -> Float:
        """Return probabilities."""
        S = scores - scores.mean(axis=1, keepdims=True)
        return softmax(S * self.slopes.astype(np.float32) + self.offsets.astype(np.float32))

    @classmethod
    def fit(
        cls, scores: Float, y: NDArray[np.int64], weights: Float, *, prior: float = 2.0
    ) -> Vector:
        """Fit to out-of-fold scores (m, K), near log-odds already, by weighted log loss.

        Newton's method. ``prior`` is the weight of the belief that every slope is 1 and every
        offset 0, in images.
        """
        m, K = scores.shape
        S = scores.astype(np.float64)
        S -= S.mean(axis=1, keepdims=True)
        w = weights.astype(np.float64)[:, None]
        start = np.concatenate([np.ones(K), np.zeros(K)])
        theta = start.copy()
        own = np.zeros((m, K))
        own[np.arange(m), y] = 1

        def evaluate(theta: Float) -> tuple[float, Float]:
            z = S * theta[:K] + theta[K:]
            z -= z.max(axis=1, keepdims=True)
            p = np.exp(z)
            total = p.sum(axis=1, keepdims=True)
            loss = float((w * (np.log(total) - (own * z).sum(axis=1, keepdims=True))).sum())
            return loss + 0.5 * prior * float(((theta - start) ** 2).sum()), p / total

        loss, p = evaluate(theta)
        for _ in range(30):
            residual = w * (p - own)
            gradient = np.concatenate([(residual * S).sum(axis=0), residual.sum(axis=0)])
            gradient += prior * (theta - start)
            if np.abs(gradient).max() < 1e-6 * max(1.0, float(w.sum())):
                break
            J = np.concatenate([p * S, p], axis=1)
            H = -(J * w).T @ J
            for a, b, part in (
                (0, 0, w * p * S * S),
                (0, K, w * p * S),
                (K, 0, w * p * S),
                (K, K, w * p),
            ):
                H[np.arange(K) + a, np.arange(K) + b] += part.sum(axis=0)
            H[np.diag_indices(2 * K)] += prior
            change = np.linalg.solve(H, gradient)
            step = 1.0
            while step > 1e-4:
                new_loss, new_p = evaluate(theta - step * change)
                if new_loss <= loss + 1e-12:
                    break
                step /= 2
            else:
                break
            theta, loss, p = theta - step * change, new_loss, new_p
        return cls(theta[:K], theta[K:])


@dataclass(frozen=True)
class Isotonic:
    """A rising broken line for the softmax probability of each class, then normalised.

    Isotonic regression (Zadrozny and Elkan 2002, KDD), its steps drawn as a line through their
    centres (Oron and Flournoy 2017, Stat. Biopharm. Res. 9), no steeper than :data:`GAP` allows.

    Attributes
    ----------
    knots : tuple of (array (j,), array (j,))
        Probability before and after, one pair for each class; for two classes the second's only.
    """

    knots: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]

    def __call__(self, scores: Float) -> Float:
        """Return probabilities."""
        p = softmax(scores)
        K = p.shape[1]
        if len(self.knots) == 1:
            second = np.interp(p[:, 1], *self.knots[0])
            return np.stack([1 - second, second], axis=1).astype(np.float32)
        out = np.stack([np.interp(p[:, k], *self.knots[k]) for k in range(K)], axis=1)
        return np.asarray((out / out.sum(axis=1, keepdims=True)).astype(np.float32))

    @classmethod
    def fit(cls, scores: Float, y: NDArray[np.int64], weights: Float) -> Isotonic:
        """Fit to out-of-fold scores (m, K), near log-odds already."""
        from sklearn.isotonic import isotonic_regression

        p, w = softmax(scores).astype(np.float64), weights.astype(np.float64)
        knots = []
        for k in range(p.shape[1]) if p.shape[1] > 2 else (1,):
            order = np.argsort(p[:, k], kind="stable")
            height = isotonic_regression((y[order] == k).astype(np.float64), sample_weight=w[order])
            knots.append(_centred(p[order, k], height, w[order]))
        return cls(tuple(knots))


def _centred(x: Float, height: Float, w: Float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of the steps, those that lie too close together merged."""
    _, step = np.unique(height, return_inverse=True)
    total = np.bincount(step, w)
    # Never certain, as Platt's targets: half an image of either kind more.
    heights = (np.bincount(step, w * height) + 0.5) / (total + 1)
    kept: list[list[float]] = []
    for c, h, n in zip(np.bincount(step, w * x) / total, heights, total, strict=True):
        if kept and c - kept[-1][0] < GAP:
            a, b, before = kept[-1]
            both = before + n
            kept[-1] = [a, (b * before + h * n) / both, both]
        else:
            kept.append([c, h, n])
    table = np.array(kept)
    return table[:, 0], np.maximum.accumulate(table[:, 1])


@dataclass(frozen=True)
class Sigmoids:
    """A sigmoid for each class against the others, then normalised.

    For a machine's decisions, which are no log-odds of a softmax (Platt 1999; Zadrozny and Elkan
    2002, KDD): as scikit-learn's CalibratedClassifierCV does it.

    Attributes
    ----------
    slopes, offsets : array (K,), or (1,) for two classes
        ``1 / (1 + exp(slope * decision + offset))``; for two classes of the second's decision.
    """

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def __call__(self, decisions: Float) -> Float:
        """Return probabilities."""
        z = _columns(decisions) * self.slopes + self.offsets
        p = 1 / (1 + np.exp(np.clip(z, -700, 700)))
        if p.shape[1] == 1:
            return np.concatenate([1 - p, p], axis=1).astype(np.float32)
        return np.asarray((p / np.maximum(p.sum(axis=1, keepdims=True), 1e-300)).astype(np.float32))

    @classmethod
    def fit(cls, decisions: Float, y: NDArray[np.int64], weights: Float) -> Sigmoids:
        """Fit to out-of-fold decisions (m, K) by weighted log loss, all classes at once.

        Newton's method on Platt's targets, which are a little inside 0 and 1.
        """
        x = np.ascontiguousarray(_columns(decisions).T, dtype=np.float64)  # (k, m)
        k = len(x)
        positive = y[None] == (np.arange(k)[:, None] if k > 1 else np.array([[1]]))
        w = weights.astype(np.float64)
        total = max(float(w.sum()), 1e-12)
        ones = positive @ w
        high, low = (ones + 1) / (ones + 2), 1 / (total - ones + 2)
        t = np.where(positive, high[:, None], low[:, None])
        a, b = np.ones(k), np.zeros(k)

        def evaluate(a: Float, b: Float) -> tuple[Float, Float]:
            z = a[:, None] * x + b[:, None]
            loss = (w * (np.logaddexp(0, z) - t * z)).sum(axis=1)
            return loss / total, 1 / (1 + np.exp(-np.clip(z, -700, 700)))

        loss, p = evaluate(a, b)
        for _ in range(50):
            residual, bend = w * (p - t) / total, w * p * (1 - p) / total
            ga, gb = (residual * x).sum(axis=1), residual.sum(axis=1)
            if max(np.abs(ga).max(), np.abs(gb).max()) < 1e-7:
                break
            haa, hab = (bend * x * x).sum(axis=1) + 1e-9, (bend * x).sum(axis=1)
            hbb = bend.sum(axis=1) + 1e-9
            det = np.maximum(haa * hbb - hab * hab, 1e-18)
            da, db = (hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det
            # Far from the end a full step may overshoot.
            step = np.minimum(1, 4 / np.maximum(np.abs(da) + np.abs(db), 1e-12))
            for _ in range(20):
                new_loss, new_p = evaluate(a - step * da, b - step * db)
                worse = new_loss > loss + 1e-12
                if not worse.any():
                    break
                step = np.where(worse, step / 2, step)
            a, b, loss, p = a - step * da, b - step * db, new_loss, new_p
        return cls(-a, -b)


def _columns(decisions: Float) -> Float:
    return decisions[:, 1:] if decisions.shape[1] == 2 else decisions
