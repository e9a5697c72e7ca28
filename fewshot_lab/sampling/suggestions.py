"""Choosing which images are worth a label next."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import one_blas_thread
from fewshot_lab.sampling.chooser import Chooser, Pick, between, highest, spread_out
from fewshot_lab.sampling.coverage import cover
from fewshot_lab.sampling.gaps import Confounder, fill_gaps
from fewshot_lab.words import percent

Float = NDArray[np.floating[Any]]

BATCH = 24
RARE_SHARE = 0.25
RARE = 0.5
"""A class is rare while it has less than this share of the mean number of labels."""
COLD_LABELS_PER_CLASS = 5
LOOKED_AT = 50_000
"""Images that are looked at each time, at most; of more, others with every label."""
COVER_SHARE = 0.1
"""Share that goes on looking where nothing is labelled: a class nobody has met has no margin."""


def mixed(
    chooser: Chooser,
    labelled: NDArray[np.int64],
    probabilities: Float | None,
    class_ids: Sequence[int],
    names: Sequence[str],
    confounders: Sequence[Confounder],
    n: int,
    seed: int,
) -> list[Pick]:
    """Choose by density and coverage at first, then by doubt: see :func:`suggest_by`."""
    K = len(class_ids)
    with one_blas_thread():
        counts = np.bincount(labelled[labelled >= 0], minlength=max(K, 1))
        cold = probabilities is None or counts.sum() < COLD_LABELS_PER_CLASS * K
        picks: list[Pick] = []
        if not cold:
            assert probabilities is not None
            n_cover = round(COVER_SHARE * n)
            gaps = fill_gaps(
                confounders,
                labelled,
                lambda: chooser.open,
                chooser.take,
                probabilities,
                names,
                n - n_cover,
            )
            picks += [Pick(row, why, "gaps", (int(class_ids[k]),)) for row, why, k in gaps]
            n_rare = min(round(RARE_SHARE * n), n - n_cover - len(picks))
            picks += _rare(chooser, probabilities, counts, class_ids, names, n_rare)
            picks += _margin(chooser, probabilities, class_ids, names, n - n_cover - len(picks))
        picks += cover(chooser, n - len(picks), seed)
    return picks


def candidate_rows(eligible: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Return at most about :data:`LOOKED_AT` of the eligible, evenly spread; others next time."""
    rows = np.flatnonzero(eligible)
    step = -(-len(rows) // LOOKED_AT)
    if step <= 1:
        return eligible
    candidates = np.zeros_like(eligible)
    candidates[rows[seed % step :: step]] = True
    return candidates


def _rare(
    chooser: Chooser,
    probabilities: Float,
    counts: NDArray[np.int64],
    class_ids: Sequence[int],
    names: Sequence[str],
    n: int,
) -> list[Pick]:
    """Fill up the classes with the fewest labels by their likeliest images."""
    picks: list[Pick] = []
    have = counts.astype(np.float64)
    typical = have.mean()
    closed = np.zeros(len(have), dtype=bool)
    rows = np.flatnonzero(chooser.open)
    P = probabilities[rows]
    two = np.partition(P, -2, axis=1)[:, -2:]
    doubt = 1 - (two[:, 1] - two[:, 0])
    likeliest = P.argmax(axis=1)
    while len(picks) < n:
        want = np.where(closed, np.inf, have)
        k = int(np.argmin(want))
        if not np.isfinite(want[k]) or have[k] > RARE * typical:
            break
        # Likely, but not certain: of an image that is certain, the label tells nothing.
        value = np.where((likeliest == k) & chooser.open[rows], P[:, k] * doubt, -1)
        best = highest(value, 20)
        row = next(
            (int(rows[i]) for i in best if value[i] >= 0 and chooser.take(int(rows[i]))), None
        )
        if row is None:
            closed[k] = True
            continue
        have[k] += 1
        reason = (
            f"few {names[k]} labels yet: likely {names[k]} {percent(float(probabilities[row, k]))}"
        )
        picks.append(Pick(row, reason, "rare", (int(class_ids[k]),)))
    return picks


def _margin(
    chooser: Chooser, probabilities: Float, class_ids: Sequence[int], names: Sequence[str], n: int
) -> list[Pick]:
    """Take the images between two classes, each unlike those taken before."""
    rows = np.flatnonzero(chooser.open)
    if n <= 0 or not len(rows):
        return []
    two = np.partition(probabilities[rows], -2, axis=1)[:, -2:]
    doubt = 1 - (two[:, 1] - two[:, 0])
    picks: list[Pick] = []
    for row in spread_out(chooser, rows, doubt, n):
        first, second = np.argsort(-probabilities[row], kind="stable")[:2]
        reason = between(names, probabilities[row], first, second)
        picks.append(Pick(row, reason, "margin", (int(class_ids[first]), int(class_ids[second]))))
    return picks
