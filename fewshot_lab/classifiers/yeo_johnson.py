"""Yeo-Johnson's transform, fitted to all features at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GOLDEN = (np.sqrt(5) - 1) / 2


def fit_power(X: NDArray[np.float32]) -> Any:
    """Return a fitted PowerTransformer, as ``PowerTransformer().fit(X)`` gives.

    scikit-learn searches the exponent of one feature after the other, at some 30 ms each: most of
    a minute for the 1,280 features of one embedding. Here the same bounded search (scipy's
    bounds, tolerance 1e-6 of the exponent) moves all of them at once.

    Parameters
    ----------
    X : array (n, d), float32
    """
    from sklearn.preprocessing import PowerTransformer, StandardScaler

    transformer = PowerTransformer()
    transformer.lambdas_ = _exponents(X).astype(X.dtype)
    transformer.n_features_in_ = X.shape[1]
    transformer._scaler = StandardScaler(copy=False).set_output(transform="default")
    transformed = yeo_johnson(X.astype(np.float64), transformer.lambdas_.astype(np.float64))
    transformer._scaler.fit(transformed.astype(X.dtype))
    return transformer


def yeo_johnson(X: NDArray[np.float64], exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the transform of each column (Yeo and Johnson 2000, Biometrika 87)."""
    up, down = np.log1p(np.maximum(X, 0)), np.log1p(np.maximum(-X, 0))
    return _from_logs(up, down, exponents)


def _from_logs(
    up: NDArray[np.float64], down: NDArray[np.float64], exponents: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``((1 + x)^l - 1) / l`` above zero, its mirror image with 2 - l below."""

    def half(log: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
        near = np.abs(power) < 1e-8
        safe = np.where(near, 1.0, power)
        return np.asarray(np.where(near, log, np.expm1(log * safe) / safe))

    return half(up, exponents) - (half(down, 2 - exponents) if down.any() else 0)


def _exponents(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the exponents of greatest likelihood (d,); 1 for constant features."""
    data = X.astype(np.float64)
    n = len(data)
    mean, variance = data.mean(axis=0), data.var(axis=0)
    # As scikit-learn tells constant features.
    eps = np.finfo(np.float64).eps
    varies = variance > n * eps * variance + (n * mean * eps) ** 2
    out = np.ones(data.shape[1])
    if not varies.any():
        return out
    data = data[:, varies]
    up, down = np.log1p(np.maximum(data, 0)), np.log1p(np.maximum(-data, 0))
    jacobian = (up - down).sum(axis=0)
    low, high = _bounds(data, X.dtype)

    def unlikelihood(exponents: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            v = _from_logs(up, down, exponents).var(axis=0)
            return np.asarray(n / 2 * np.log(v) - (exponents - 1) * jacobian)

    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    fa, fb = unlikelihood(a), unlikelihood(b)
    while float((high - low).max()) > 1e-6:
        left = fa < fb
        high, low = np.where(left, b, high), np.where(left, low, a)
        new = np.where(left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        f = unlikelihood(new)
        a, b = np.where(left, new, b), np.where(left, a, new)
        fa, fb = np.where(left, f, fb), np.where(left, fa, f)
    out[varies] = (low + high) / 2
    return out


def _bounds(
    data: NDArray[np.float64], dtype: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scipy's bounds: 20 times the largest value is still transformed without overflow."""
    info = np.finfo(dtype)
    largest = np.log1p(20 * np.abs(data).max(axis=0))
    low = (np.log(info.tiny) - np.log(info.eps)) / 2 / largest
    high = (np.log(info.max) + np.log(info.eps)) / 2 / largest
    negative, mixed = (data < 0).all(axis=0), (data < 0).any(axis=0)
    return (
        np.where(negative, 2 - high, np.where(mixed, np.maximum(2 - high, low), low)),
        np.where(negative, 2 - low, np.where(mixed, np.minimum(2 - low, high), high)),
    )
