"""Many L2-penalised softmax regressions on the same rows, solved at once."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
MOST_ITERATIONS, MEMORY = 60, 5


def softmax(scores: Float) -> Float:
    """Return the softmax over the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return np.asarray(shifted)


def balanced_weights(y: NDArray[np.int64], n_classes: int, mask: NDArray[np.bool_]) -> Float:
    """Return weights (n,) that give every class of the masked rows the same total; 0 outside.

    Their mean over the masked rows is 1 (scikit-learn's ``class_weight="balanced"``).
    """
    counts = np.bincount(y[mask], minlength=n_classes)
    present = max(int((counts > 0).sum()), 1)
    per_class = np.where(counts > 0, mask.sum() / (present * np.maximum(counts, 1)), 0.0)
    return np.where(mask, per_class[y], 0.0).astype(np.float32)


def fit_softmax(
    Z: Float,
    y: NDArray[np.int64],
    n_classes: int,
    weights: Float,
    C: Float,
    *,
    tolerance: float = 1e-3,
) -> Float:
    """Fit J softmax regressions, one per row weighting and penalty.

    Problem j minimises ``C_j * sum_i weights_ji * CE(softmax(z_i W + b), y_i) + |W|^2 / 2``
    (the objective of scikit-learn's LogisticRegression), by L-BFGS on all problems together:
    one matrix product per iteration serves them all. The variables are scaled by Böhning's bound
    on the Hessian (Böhning 1992, Ann. Inst. Statist. Math. 44), taken on its diagonal.

    Parameters
    ----------
    Z : array (n, p)
        Rows; best in axes along which they are nearly uncorrelated.
    y : array (n,)
        Class index, 0 ... n_classes - 1.
    weights : array (J, n)
        Row weights; 0 leaves a row out.
    C : array (J,)
        Inverse penalties.
    tolerance : float
        Stop once every problem's gradient, in scaled variables, is below ``tolerance`` times
        the square root of its total weight times C.

    Returns
    -------
    array (J, p + 1, K), float32
        Coefficients, the intercept in the last row.
    """
    n, p = Z.shape
    J, K = len(C), n_classes
    # Inside, classes come first and rows last: reductions over classes then run along memory.
    A = np.ones((n, p + 1), dtype=np.float32)
    A[:, :p] = Z
    At = np.ascontiguousarray(A.T)
    row_weight = np.ascontiguousarray(weights * C[:, None], dtype=np.float32)  # (J, n)
    curvature = 0.5 * (row_weight @ (A * A))  # (J, p + 1)
    curvature[:, :p] += 1
    curvature[:, p] += 1e-6
    scale = (1 / np.sqrt(curvature)).astype(np.float32)  # W = scale * V
    penalty = np.ones(p + 1, dtype=np.float32)
    penalty[p] = 0
    limit = (tolerance * np.sqrt(row_weight.sum(axis=1))).astype(np.float32)
    rows, problems = np.arange(n), np.arange(J)[:, None]

    def evaluate(V: Float) -> tuple[NDArray[np.float64], Float]:
        W = V * scale
        scores = (W.reshape(K * J, p + 1) @ At).reshape(K, J, n)
        scores -= scores.max(axis=0)
        own = scores[y, problems, rows]
        np.exp(scores, out=scores)
        total = scores.sum(axis=0)
        loss = np.einsum("jn,jn->j", row_weight, np.log(total) - own, dtype=np.float64)
        loss += 0.5 * _dot(W * penalty, W)
        scores *= row_weight / total
        scores[y, problems, rows] -= row_weight
        gradient = (scores.reshape(K * J, n) @ A).reshape(K, J, p + 1)
        return loss, (gradient + penalty * W) * scale

    V = np.zeros((K, J, p + 1), dtype=np.float32)
    loss, gradient = evaluate(V)
    history: deque[tuple[Float, Float, Float]] = deque(maxlen=MEMORY)
    for _ in range(MOST_ITERATIONS):
        active = np.sqrt(_dot(gradient, gradient)) > limit
        if not active.any():
            break
        direction = _two_loop(gradient, history)
        direction[:, ~active] = 0
        slope = -_dot(gradient, direction)
        step = np.ones(J, dtype=np.float32)
        for _ in range(12):
            trial = V - step[:, None] * direction
            trial_loss, trial_gradient = evaluate(trial)
            worse = active & (trial_loss > loss + 1e-4 * step * slope + 1e-6 * np.abs(loss))
            if not worse.any():
                break
            step[worse] *= 0.4
        else:
            step[worse] = 0
            trial = V - step[:, None] * direction
            trial_loss, trial_gradient = evaluate(trial)
        moved, change = trial - V, trial_gradient - gradient
        curve = _dot(moved, change)
        rho = np.where(curve > 1e-10, 1 / np.maximum(curve, 1e-10), 0).astype(np.float32)
        history.append((moved, change, rho))
        V, loss, gradient = trial, trial_loss, trial_gradient
    return np.asarray((V * scale).transpose(1, 2, 0))


def _dot(a: Float, b: Float) -> Float:
    """Return the inner product of every problem's variables (K, J, p), (K, J, p) -> (J,)."""
    return np.asarray(np.einsum("kjp,kjp->j", a, b))


def _two_loop(gradient: Float, history: deque[tuple[Float, Float, Float]]) -> Float:
    """Return the L-BFGS direction of every problem (Nocedal and Wright, algorithm 7.4)."""
    q = gradient.copy()
    alphas = []
    for moved, change, rho in reversed(history):
        alpha = (rho * _dot(moved, q))[:, None]
        q -= alpha * change
        alphas.append(alpha)
    if history:
        moved, change, rho = history[-1]
        along = _dot(change, change)
        gamma = np.where(rho > 0, 1 / np.maximum(rho * along, 1e-10), 1).astype(np.float32)
        q *= gamma[:, None]
    for (moved, change, rho), alpha in zip(history, reversed(alphas), strict=True):
        beta = (rho * _dot(change, q))[:, None]
        q += (alpha - beta) * moved
    return q
