"""Choosing which images are worth a label next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import NEAR_DUPLICATE, Pool, one_blas_thread
from fewshot_lab.sampling.gaps import Confounder, fill_gaps

Float = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

BATCH = 24
SPREAD = 4
"""Diversity chooses among this many times the images wanted, those with the least margin."""
RARE_SHARE = 0.25
RARE = 0.5
"""A class is rare while it has less than this share of the mean number of labels."""
COLD_LABELS_PER_CLASS = 5
COVER_SHARE = 0.1
"""Share that goes on looking where nothing is labelled: a class nobody has met has no margin."""
_REFERENCES = 1024
_CANDIDATES = 4096
_COMPONENTS = 64  # for coverage; near-duplicates are told by all


@dataclass(frozen=True)
class Suggestion:
    """An image to label next, and why.

    Attributes
    ----------
    image_id : str
    reason : str
        In words, with the classes' names at the time.
    strategy : str
        "cover", "margin", "rare", "gaps" or "audit".
    audit : bool
        Whether the image was drawn at random and will never train.
    classes : tuple of int
        The class ids that the reason speaks of.
    """

    image_id: str
    reason: str
    strategy: str
    audit: bool = False
    classes: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Pick:
    row: int
    reason: str
    strategy: str
    classes: tuple[int, ...] = ()


def suggest(
    pool: Pool,
    ids: Sequence[str],
    *,
    labelled: NDArray[np.int64],
    eligible: NDArray[np.bool_],
    probabilities: Float | None = None,
    class_ids: Sequence[int] = (),
    names: Sequence[str] = (),
    groups: NDArray[np.int64] | None = None,
    confounders: Sequence[Confounder] = (),
    n: int = BATCH,
    seed: int = 0,
) -> list[Suggestion]:
    """Choose images to label: first by density and coverage, then by doubt with diversity.

    Until the classes have five labels each on average, images are chosen that best stand for
    what no labelled image stands for yet (greedy facility location: Wei et al. 2015, ICML). From
    then on by the smallest margin between the two most probable classes, spread out, with a
    share for the classes that have the fewest labels and a small one that still covers.

    Parameters
    ----------
    pool : Pool
        All embedded images.
    ids : sequence (N,) of str
    labelled : array (N,) of int
        Column of the class of each labelled image, -1 for all others.
    eligible : array (N,) of bool
        Which images may be suggested.
    probabilities : array (N, K), optional
        The classifier's; without it only density and coverage count.
    class_ids, names : sequences (K,)
        Ids and names of the columns of ``probabilities``.
    groups : array (N,) of int, optional
        At most an eighth of the suggestions (but one at least) come from one group; -1: none.
    confounders : sequence of Confounder
        Classes that have few labels at a site come first, of sites that are suspected confounders.
    n : int
    seed : int

    Returns
    -------
    list of Suggestion
        At most ``n``; none is a near-duplicate of another or of a labelled image.
    """
    chooser = _Chooser(pool, labelled >= 0, eligible, groups, quota=max(1, round(n / 8)))
    K = len(class_ids)
    with one_blas_thread():
        counts = np.bincount(labelled[labelled >= 0], minlength=max(K, 1))
        cold = probabilities is None or counts.sum() < COLD_LABELS_PER_CLASS * K
        picks: list[_Pick] = []
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
            picks += [_Pick(row, why, "gaps", (int(class_ids[k]),)) for row, why, k in gaps]
            n_rare = min(round(RARE_SHARE * n), n - n_cover - len(picks))
            picks += _rare(chooser, probabilities, counts, class_ids, names, n_rare)
            picks += _margin(chooser, probabilities, class_ids, names, n - n_cover - len(picks))
        picks += _cover(chooser, n - len(picks), seed)
    return [Suggestion(ids[p.row], p.reason, p.strategy, False, p.classes) for p in picks]


class _Chooser:
    """What may still be chosen: eligible, no near-duplicate, within its group's quota."""

    def __init__(
        self,
        pool: Pool,
        labelled: NDArray[np.bool_],
        eligible: NDArray[np.bool_],
        groups: NDArray[np.int64] | None,
        quota: int,
    ):
        self.pool = pool
        self.open = eligible & ~labelled
        self.labelled = np.flatnonzero(labelled)
        self.groups = groups
        self.quota = quota
        self.taken: list[int] = []
        self._per_group: dict[int, int] = {}

    def unit(self, rows: Rows, components: int | None = None) -> Float:
        """Return the rows' leading components as unit vectors."""
        Z = self.pool.rotated[rows, :components]
        norm = np.sqrt(np.einsum("ij,ij->i", Z, Z))
        norm[norm == 0] = 1
        return np.asarray(Z / norm[:, None], dtype=np.float32)

    def nearest_chosen(self, rows: Rows) -> Float:
        """Return each row's cosine to the nearest image chosen so far (-1 where none is)."""
        if not self.taken:
            return np.full(len(rows), -1, dtype=np.float32)
        return np.asarray((self.unit(rows) @ self.unit(np.array(self.taken)).T).max(axis=1))

    def known(self, row: int) -> bool:
        """Whether a row all but repeats a labelled or chosen image."""
        against = np.concatenate([self.labelled, np.array(self.taken, dtype=np.int64)])
        if not len(against):
            return False
        Z = self.pool.rotated
        own = Z[row]
        length = float(np.linalg.norm(own)) or 1.0
        cosine = Z[against] @ own
        # Most are far away: divide by the length only where it can matter.
        near = against[cosine > 0.5 * NEAR_DUPLICATE * length * length]
        return bool(len(near)) and bool((self.unit(near) @ (own / length) > NEAR_DUPLICATE).any())

    def take(self, row: int) -> bool:
        """Take a row; False, and closed for good, where it may not be taken."""
        if not self.open[row]:
            return False
        self.open[row] = False
        group = -1 if self.groups is None else int(self.groups[row])
        if group >= 0 and self._per_group.get(group, 0) >= self.quota:
            return False
        if self.known(row):
            return False
        if group >= 0:
            self._per_group[group] = self._per_group.get(group, 0) + 1
        self.taken.append(int(row))
        return True


def _rare(
    chooser: _Chooser,
    probabilities: Float,
    counts: NDArray[np.int64],
    class_ids: Sequence[int],
    names: Sequence[str],
    n: int,
) -> list[_Pick]:
    """Fill up the classes with the fewest labels by their likeliest images."""
    picks: list[_Pick] = []
    have = counts.astype(np.float64)
    typical = have.mean()
    closed = np.zeros(len(have), dtype=bool)
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    doubt = 1 - (two[:, 1] - two[:, 0])
    likeliest = probabilities.argmax(axis=1)
    while len(picks) < n:
        want = np.where(closed, np.inf, have)
        k = int(np.argmin(want))
        if not np.isfinite(want[k]) or have[k] > RARE * typical:
            break
        rows = np.flatnonzero(chooser.open)
        if not len(rows):
            break
        p = probabilities[rows, k]
        # Likely, but not certain: of an image that is certain, the label tells nothing.
        value = np.where(likeliest[rows] == k, p * doubt[rows], -1)
        best = np.argsort(-value, kind="stable")[:20]
        row = next(
            (int(rows[i]) for i in best if value[i] >= 0 and chooser.take(int(rows[i]))), None
        )
        if row is None:
            closed[k] = True
            continue
        have[k] += 1
        reason = f"few {names[k]} labels yet: likely {names[k]} {float(probabilities[row, k]):.2f}"
        picks.append(_Pick(row, reason, "rare", (int(class_ids[k]),)))
    return picks


def _margin(
    chooser: _Chooser,
    probabilities: Float,
    class_ids: Sequence[int],
    names: Sequence[str],
    n: int,
) -> list[_Pick]:
    """Take the images between two classes, each unlike those taken before."""
    rows = np.flatnonzero(chooser.open)
    if n <= 0 or not len(rows):
        return []
    two = np.partition(probabilities[rows], -2, axis=1)[:, -2:]
    margin = two[:, 1] - two[:, 0]
    keep = np.argsort(margin, kind="stable")[: SPREAD * n]
    rows, margin = rows[keep], margin[keep]
    unit = chooser.unit(rows)
    doubt = 1 - margin
    nearest = np.clip(chooser.nearest_chosen(rows), 0, 1)
    alive = np.ones(len(rows), dtype=bool)
    picks: list[_Pick] = []
    while len(picks) < n and alive.any():
        value = np.where(alive, doubt * (1 - nearest), -1)
        best = int(np.argmax(value))
        alive[best] = False
        row = int(rows[best])
        if not chooser.take(row):
            continue
        nearest = np.clip(np.maximum(nearest, unit @ unit[best]), 0, 1)
        first, second = np.argsort(-probabilities[row], kind="stable")[:2]
        reason = f"between {names[first]} and {names[second]}, margin {margin[best]:.2f}"
        picks.append(_Pick(row, reason, "margin", (int(class_ids[first]), int(class_ids[second]))))
    return picks


def _cover(chooser: _Chooser, n: int, seed: int) -> list[_Pick]:
    """Take the images that stand for most of what no labelled or taken image stands for."""
    rows = np.flatnonzero(chooser.open)
    if n <= 0 or not len(rows):
        return []
    rng = np.random.default_rng(seed)
    most = min(_CANDIDATES, 250 * n)
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    N = len(chooser.pool)
    references = np.sort(rng.permutation(N)[:_REFERENCES])
    around = chooser.unit(references, _COMPONENTS)

    def similarity(of: Rows) -> Float:
        cosine = chooser.unit(of, _COMPONENTS) @ around.T
        np.maximum(cosine, 0, out=cosine)
        np.square(cosine, out=cosine)
        return cosine

    similar = similarity(rows)
    seen = np.concatenate([chooser.labelled, np.array(chooser.taken, dtype=np.int64)])
    covered = np.zeros(len(references), dtype=np.float32)
    for start in range(0, len(seen), 1024):
        covered = np.maximum(covered, similarity(seen[start : start + 1024]).max(axis=0))
    anything = len(seen) > 0
    # Gains only shrink as more is covered: an old gain bounds the new one (Minoux 1978).
    gain = np.maximum(similar - covered, 0).sum(axis=1)
    picks: list[_Pick] = []
    fresh = np.ones(len(rows), dtype=bool)
    while len(picks) < n:
        best = int(np.argmax(gain))
        if gain[best] < 0:
            break
        if not fresh[best]:
            stale = np.argpartition(-gain, min(64, len(gain) - 1))[:64]
            stale = stale[~fresh[stale]]
            gain[stale] = np.where(
                gain[stale] < 0, gain[stale], np.maximum(similar[stale] - covered, 0).sum(axis=1)
            )
            fresh[stale] = True
            continue
        gain[best] = -1
        row = int(rows[best])
        if not chooser.take(row):
            continue
        newly = float((similar[best] > covered).mean())
        covered = np.maximum(covered, similar[best])
        fresh[:] = False
        if not picks and not anything:
            reason = "densest unlabelled cluster"
        else:
            share = f"{100 * newly:.0f} %" if newly >= 0.01 else "less than 1 %"
            reason = f"closer to {share} of the images than any labelled or suggested so far"
        picks.append(_Pick(row, reason, "cover"))
    return picks
