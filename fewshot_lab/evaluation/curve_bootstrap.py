"""How sure a learning curve is: replicates, what test images are worth, the luck of the draw."""

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.curve_fits import FOLDS, ratio_of
from fewshot_lab.stats import effective_size

Float = NDArray[np.float64]

REPLICATES = 400
IMAGINED = 2.0


def how_much_easier(on_audit: Float, on_labels: Float, seed: int) -> tuple[Float, float]:
    """Return the error on audit images as a share of that on labelled ones: replicates and mean.

    Where suggestions picked the labelled images they are harder than the pool: errors there fall
    in the same proportion as in the pool, but from another height.
    """
    right = np.nanmean(on_audit[:, -1][:, ~np.isnan(on_audit[0, -1])], axis=0)
    wrong = float(np.clip(1 - np.nanmean(on_labels[:, -1]), 0.005, 1.0))
    # Two images' worth of belief that they are equally hard.
    a = float((1 - right).sum()) + 2 * wrong
    b = float(right.sum()) + 2 * (1 - wrong)
    share = np.random.default_rng(seed + 2).beta(a, b, REPLICATES) / wrong
    return np.minimum(share, 1 / wrong), a / (a + b) / wrong


class Bootstrap:
    """Replicates over the test images (whole groups) and the repeats."""

    def __init__(
        self,
        code: NDArray[np.int64],
        together: NDArray[np.int64],
        seen: NDArray[np.bool_],
        n_classes: int,
        seed: int,
    ):
        rng = np.random.default_rng(seed)
        self.code, self.seen, self.K = code, np.flatnonzero(seen), n_classes
        self.rng = rng
        # Bayesian bootstrap (Rubin 1981): no class ever vanishes from a replicate.
        groups, of = np.unique(together[self.seen], return_inverse=True)
        weight = rng.exponential(size=(REPLICATES, len(groups)))
        self.weights = weight[:, of]

    def recalls(self, hits: Float, typical: Float, only: int | None = None) -> tuple[Float, Float]:
        """Return recalls of replicates (B, S, K) and of the repeats on all images (R, S, K).

        Two imagined images of each class are as hard as those of all classes on average
        (``typical``, (S,)): that all images at hand were right does not prove that all are.
        """
        R, S = hits.shape[:2]
        drawn = self.rng.multinomial(R, np.full(R, 1 / R), REPLICATES) / R
        points = np.full((REPLICATES, S, self.K), np.nan)
        by_repeat = np.full((R, S, self.K), np.nan)
        for k in range(self.K) if only is None else (only,):
            in_class = self.code[self.seen] == k
            if not in_class.any():
                continue
            rows = self.seen[in_class]
            w = self.weights[:, in_class]
            each = hits[:, :, rows]  # (R, S, m)
            known = ~np.isnan(each)
            value = np.where(known, each, 0)
            sums = np.einsum("bm,rsm->brs", w, value)
            have = np.einsum("bm,rsm->brs", w, known.astype(float))
            imagined = self.rng.gamma(IMAGINED, size=(REPLICATES, 1, 1))
            mean = ratio_of(sums + imagined * typical, have + imagined)
            points[:, :, k] = np.nansum(mean * drawn[:, :, None], axis=1)
            by_repeat[:, :, k] = ratio_of(value.sum(axis=2), known.sum(axis=2).astype(float))
        return points, by_repeat


def worth_of(
    hits: Float,
    code: NDArray[np.int64],
    together: NDArray[np.int64],
    seen: NDArray[np.bool_],
    n_classes: int,
) -> Float:
    """Return how many independent test images those of each class are worth (K,)."""
    rate = np.nanmean(hits[:, seen], axis=0)
    worth = np.zeros(n_classes)
    for k in range(n_classes):
        in_class = code[seen] == k
        if in_class.any():
            worth[k] = effective_size(rate[in_class], together[seen][in_class])
    return worth


def variance_of(by_repeat: Float) -> Float:
    """Return the variance of the mean over the repeats (S,), apart from common shifts."""
    R, S = by_repeat.shape
    if R < 2:
        return np.full(S, 1e-4)
    apart = by_repeat - by_repeat.mean(axis=1, keepdims=True)
    pooled = apart.var(axis=0, ddof=1) / R
    # Few repeats tell a variance badly: half of it is what all sizes share.
    return np.asarray(0.5 * pooled + 0.5 * pooled.mean())


def luck_of(
    hits: Float, code: NDArray[np.int64], scale: float, sizes: Float, before: int, more: int
) -> float:
    """Return the standard deviation of a gain that comes from which labels are drawn.

    From the steps between neighbouring sizes, each repeat's against their mean, less what a
    finite number of test images adds to them. It shrinks with the size of the step and with the
    labels that are there already.

    Parameters
    ----------
    hits : array (R, S, n)
    """
    seen = ~np.isnan(hits).any(axis=(0, 1))
    if len(hits) < 2 or seen.sum() < 2:
        return 0.01
    steps = np.diff(hits[:, :, seen], axis=1)  # (R, S - 1, m)
    weight = 1 / np.bincount(code[seen])[code[seen]]
    weight = weight / weight.sum()
    whole = (steps * weight).sum(axis=2).var(axis=0, ddof=1)
    of_images = (steps.var(axis=0, ddof=1) * weight**2).sum(axis=1)
    unit_step = np.diff(sizes) / (sizes[:-1] * sizes[1:])
    unit = float(np.mean(whole / unit_step))
    noise = float(np.mean(of_images / unit_step))
    # A repeat tests each image once, by one of its five fits: their luck has averaged out. Few
    # repeats tell the noise badly: a third of the whole is taken for luck at least.
    unit = FOLDS * max(unit - noise, unit / 3)
    return scale * float(np.sqrt(unit * more / (before * (before + more))))
