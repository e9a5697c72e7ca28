"""An average of classifiers in two views of the embeddings, weighted by cross-validation."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.candidates import (
    Candidate,
    Labels,
    coefficients,
    judge,
    scored_candidate,
)
from fewshot_lab.classifiers.softmax import softmax

Float = NDArray[np.floating[Any]]

WEAK = 1000.0
"""C of the LogReg in the average: next to no penalty, for what LDA with its strong one misses."""
PRIOR = 4.0


@dataclass
class Stack(Candidate):
    """Stacked classifiers (Wolpert 1992, Neural Networks 5; Breiman 1996, Machine Learning 24).

    The log-odds of LDA, LogReg and LDA that looks at unlabelled images too, each in the plain and
    in the levelled view of the embeddings, are averaged with weights that fit the out-of-fold
    scores. What comes out is linear in the two views, whatever the number of classifiers in it.

    Attributes
    ----------
    members : list of Candidate
        Those of the plain view, then the same of the levelled one.
    weights : array (M,)
    """

    members: list[Candidate] = field(kw_only=True)
    weights: Float = field(kw_only=True)

    def coefficients(self, labels: Labels) -> list[Float]:
        """Fit on all labels; return (p + 1, K) in the axes of each view."""
        weighted = list(zip(self.members, self.weights, strict=True))
        half = len(weighted) // 2
        parts = []
        for view, own in ((labels, weighted[:half]), (labels.levelled, weighted[half:])):
            fitted = [
                np.float32(weight / member.temperature)
                * _centred(coefficients(member.family, member.setting, view))
                for member, weight in own
            ]
            parts.append(np.sum(fitted, axis=0))
        return parts


def stack(lda: Candidate, labels: Labels) -> Stack:
    """Return the average with the setting of an LDA that was chosen, its scores and its judgement.

    The scores of each fold are averaged with weights that were fitted on the other folds.
    """
    kinds = [("lda", lda.setting), ("logreg", WEAK)]
    if len(labels.spare):
        kinds.append(("pooled", None))
    members = [lda]
    for view in (labels, labels.levelled):
        for family, setting in kinds[1 if view is labels else 0 :]:
            members.append(scored_candidate(family, setting, view))
    # (repeat, member, image, class)
    scores = np.stack(
        [_centred(np.stack(m.scores)) / np.float32(m.temperature) for m in members], axis=1
    )
    image, classes, weight = labels.taught
    taught = np.arange(len(labels.y))[image]
    averaged, rows = [], []
    for fold, S in zip(labels.folds, scores, strict=True):
        out = np.full(S.shape[1:], np.nan, dtype=np.float32)
        use = np.flatnonzero(fold[taught] >= 0)
        held = np.unique(fold[taught[use]])
        if len(held):
            others = np.where(fold[taught[use]] != held[:, None], weight[use], 0)
            for f, v in zip(
                held, stack_weights(S[:, taught[use]], classes[use], others), strict=True
            ):
                in_fold = fold == f
                out[in_fold] = np.tensordot(v.astype(np.float32), S[:, in_fold], axes=1)
        averaged.append(out)
        rows.append(use)
    equal = np.full(len(members), 1 / len(members))
    stacked = Stack("stack", lda.setting, averaged, members=members, weights=equal)
    use = np.concatenate(rows)
    if len(use):
        known = [S[:, taught[rows_]] for S, rows_ in zip(scores, rows, strict=True)]
        share = weight[use] / np.float32(len(scores))
        stacked.weights = stack_weights(np.concatenate(known, axis=1), classes[use], share[None])[0]
    judge(stacked, labels)
    return stacked


def stack_weights(
    scores: Float, y: NDArray[np.int64], weights: Float, *, prior: float = PRIOR
) -> NDArray[np.float64]:
    """Return positive weights of classifiers with the least log loss of the weighted sum.

    Newton's method on their logarithms, for several row weightings at once.

    Parameters
    ----------
    scores : array (M, m, K)
        Out-of-fold log-odds of each classifier, their mean over the classes 0.
    y : array (m,)
        Class index of each row.
    weights : array (J, m)
        Row weights of each problem.
    prior : float
        How many images' worth of belief in equal weights that sum to 1, for each logarithm.

    Returns
    -------
    array (J, M)
    """
    M, m, K = scores.shape
    J = len(weights)
    S = scores.astype(np.float64)
    flat = S.reshape(M, m * K)
    own = S[:, np.arange(m), y]
    u = np.zeros((J, M))

    def evaluate(u: Float) -> tuple[Float, Float]:
        Z = (np.exp(u) / M @ flat).reshape(J, m, K)
        top = Z.max(axis=2, keepdims=True)
        total = np.log(np.exp(Z - top).sum(axis=2)) + top[:, :, 0]
        loss = (weights * (total - Z[:, np.arange(m), y])).sum(axis=1)
        return loss + prior / 2 * (u**2).sum(axis=1), softmax(Z)

    loss, p = evaluate(u)
    for _ in range(30):
        v = np.exp(u) / M
        mean = np.einsum("jnk,mnk->jmn", p, S)
        slope = v * np.einsum("jn,jmn->jm", weights, mean - own) + prior * u
        if np.abs(slope).max() < 1e-4 * (1 + prior):
            break
        spread = (p * weights[:, :, None]).reshape(J, 1, m * K) * flat
        bend = spread @ flat.T - np.einsum("jn,jmn,jln->jml", weights, mean, mean)
        bend *= v[:, :, None] * v[:, None]
        # The curvature in the logarithms, without the part that may be negative.
        bend[:, np.arange(M), np.arange(M)] += prior + np.maximum(slope - prior * u, 0)
        change = np.clip(np.linalg.solve(bend, slope[:, :, None])[:, :, 0], -1.5, 1.5)
        step = np.ones((J, 1))
        for _ in range(12):
            new_loss, new_p = evaluate(u - step * change)
            worse = new_loss > loss + 1e-12 * np.abs(loss)
            if not worse.any():
                break
            step[worse] /= 2
        u, loss, p = u - step * change, new_loss, new_p
    return np.asarray(np.exp(u) / M)


def _centred(scores: Float) -> Float:
    return np.asarray(scores - scores.mean(axis=-1, keepdims=True))
