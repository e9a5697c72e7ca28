"""Ways of choosing what to label next, under one name each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.sampling.chooser import Chooser, Suggestion, between
from fewshot_lab.sampling.gaps import Confounder
from fewshot_lab.sampling.suggestions import BATCH, candidate_rows, mixed

Float = NDArray[np.floating[Any]]

DEFAULT = "mixed"
STRATEGIES = {
    "mixed": "doubt, spread out, with rare classes and coverage",
    "cover": "coverage alone",
    "margin": "doubt alone",
    "entropy": "entropy alone",
    "random": "at random",
}
"""Names, and what they are in words."""
GAPS = "gaps"
OF_CONFOUNDERS = {GAPS: "class-by-site gaps first, then doubt, spread out"}
"""Further ones, where a project names suspected confounders."""


def suggest_by(
    strategy: str,
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
    """Choose images to label by a strategy of :data:`STRATEGIES`.

    "mixed": until the classes have five labels each on average, images are chosen that best stand
    for what no labelled image stands for yet (greedy facility location: Wei et al. 2015, ICML).
    From then on by the smallest margin between the two most probable classes, spread out, with a
    share for the classes that have the fewest labels and a small one that still covers.

    "cover" is its beginning alone, "gaps" is "mixed" that begins with classes that have few labels
    at a site.

    "margin" and "entropy" are uncertainty sampling as in the text books (Settles 2009), without
    cold start and diversity: what others are to be measured against.

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

    Raises
    ------
    FewshotLabError
        For an unknown strategy.
    """
    if strategy not in STRATEGIES | OF_CONFOUNDERS:
        raise FewshotLabError(
            f"{strategy!r} is not a strategy: choose one of {', '.join(STRATEGIES)}."
        )
    if strategy in ("mixed", "cover", GAPS):
        free = candidate_rows(eligible & (labelled < 0), seed)
        chooser = Chooser(pool, labelled >= 0, free, groups, quota=max(1, round(n / 8)))
        p = None if strategy == "cover" else probabilities
        gaps = confounders if strategy == GAPS else ()
        picks = mixed(chooser, labelled, p, class_ids, names, gaps, n, seed)
        return [Suggestion(ids[k.row], k.reason, k.strategy, False, k.classes) for k in picks]
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(eligible & (labelled < 0)))
    if strategy == "random" or probabilities is None:
        kept = _within_quota(rows, groups, n)
        return [Suggestion(ids[r], "drawn at random", "random") for r in kept]
    p = probabilities[rows]
    two = np.partition(p, -2, axis=1)[:, -2:]
    doubt = two[:, 1] - two[:, 0]
    if strategy == "entropy":
        doubt = (p * np.log(np.maximum(p, 1e-9))).sum(axis=1)
    kept = _within_quota(rows[np.argsort(doubt, kind="stable")], groups, n)
    suggestions = []
    for row in kept:
        first, second = np.argsort(-probabilities[row], kind="stable")[:2]
        reason = between(names, probabilities[row], first, second)
        classes = (int(class_ids[first]), int(class_ids[second]))
        suggestions.append(Suggestion(ids[row], reason, strategy, False, classes))
    return suggestions


def _within_quota(rows: NDArray[np.int64], groups: NDArray[np.int64] | None, n: int) -> list[int]:
    """Return the first n rows of which no group gives more than an eighth."""
    quota = max(1, round(n / 8))
    taken: list[int] = []
    given: dict[int, int] = {}
    for row in rows:
        if len(taken) == n:
            break
        group = -1 if groups is None else int(groups[row])
        if group >= 0 and given.get(group, 0) >= quota:
            continue
        given[group] = given.get(group, 0) + 1
        taken.append(int(row))
    return taken
