"""Images that stand for many others: greedy facility location."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.sampling.chooser import Chooser, Pick

Float = NDArray[np.floating[Any]]

REFERENCES = 1024
CANDIDATES = 4096
COMPONENTS = 64
"""Leading axes that coverage reads; near-duplicates are told by all."""


def cover(chooser: Chooser, n: int, seed: int) -> list[Pick]:
    """Take the images that stand for most of what no labelled or taken image stands for."""
    rows = np.flatnonzero(chooser.open)
    if n <= 0 or not len(rows):
        return []
    rng = np.random.default_rng(seed)
    most = min(CANDIDATES, 250 * n)
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    N = len(chooser.pool)
    references = np.sort(rng.permutation(N)[:REFERENCES])
    around = chooser.unit(references, COMPONENTS)

    def similarity(of: NDArray[np.int64]) -> Float:
        cosine = chooser.unit(of, COMPONENTS) @ around.T
        np.maximum(cosine, 0, out=cosine)
        np.square(cosine, out=cosine)
        return cosine

    similar = similarity(rows)
    seen = np.concatenate([chooser.labelled, np.array(chooser.taken, dtype=np.int64)])
    covered = np.zeros(len(references), dtype=np.float32)
    for start in range(0, len(seen), 1024):
        covered = np.maximum(covered, similarity(seen[start : start + 1024]).max(axis=0))
    # Gains only shrink as more is covered: an old gain bounds the new one (Minoux 1978).
    gain = np.maximum(similar - covered, 0).sum(axis=1)
    picks: list[Pick] = []
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
        if not picks and not len(seen):
            reason = "densest unlabelled cluster"
        else:
            share = f"{100 * newly:.0f} %" if newly >= 0.01 else "less than 1 %"
            reason = (
                f"stands for {share} of the images better than any labelled or suggested so far"
            )
        picks.append(Pick(row, reason, "cover"))
    return picks
