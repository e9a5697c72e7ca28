"""Which parts of an embedding a classifier reads: its final part, or inner stages as well.

The one place that decides it. Inner stages hold more of what tells most classes apart, and more
of the scanner and the stain, too: so the labels at hand decide, by cross-validation.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.candidates import Labels, noise_of, scored_candidate

SHRINKAGE = 0.4
"""Of the LDA that is compared: the middle one, so that nothing is chosen twice."""

MOST_FOLDS = 10
"""Of more sites some are left out together."""


@dataclass(frozen=True)
class Reading:
    """What a classifier reads of an embedding, and why.

    Attributes
    ----------
    stages : bool
        Whether inner stages are read.
    sentence : str
        Empty where there was nothing to choose.
    by_site : bool
        Whether sites were left out in turn to decide it.
    """

    stages: bool
    sentence: str
    by_site: bool


FINAL_ONLY = Reading(False, "", False)
"""Of an embedding without stages, and of the paper's recipes."""


def choose_reading(whole: Labels, finals: Labels, sites: NDArray[Any] | None) -> Reading:
    """Compare both readings by cross-validation of one LDA.

    Parameters
    ----------
    whole, finals : Labels
        The same labels, with and without the inner stages.
    sites : array (n,), optional
        Site of each image, where a site column is known. Each is then left out in turn,
        and the stages must be as good on sites that were not seen; without it, the stages are
        read unless they are worse by more than a standard error.
    """
    codes = None if sites is None else np.unique(sites, return_inverse=True)[1] % MOST_FOLDS
    by_site = codes is not None and bool(codes.any())
    pair = []
    for labels in (whole, finals):
        if codes is not None and by_site:
            labels = replace(labels, folds=codes[None])
        pair.append(scored_candidate("lda", SHRINKAGE, labels))
    stages, final = pair
    if not np.isfinite(stages.loss):
        return Reading(True, "Inner stages of the network are read until labels can tell.", False)
    gain = stages.correct - final.correct
    read = bool(gain >= 0 if by_site else -gain <= noise_of(stages, final, whole))
    what = "Inner stages of the network are read too" if read else "The last layer alone is read"
    where = "on sites left out" if by_site else "in cross-validation"
    points = f"{100 * gain:+.1f}".replace("-", "−")
    chance = ", which may be chance" if read and gain < 0 else ""
    return Reading(read, f"{what}: stages are worth {points} points {where}{chance}.", by_site)
