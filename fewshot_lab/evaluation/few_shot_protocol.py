"""The few-shot protocol of Nielsen et al. 2023: what is drawn, and what is tested on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers import PAPER
from fewshot_lab.errors import FewshotLabError

SHOTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
DEFAULT = "default"
CLASSIFIERS = (*PAPER, DEFAULT)
TEST_SHARE = 3
"""One image (or group) in so many is for testing."""
Answer = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Predicted classes (m,) and probabilities (m, K) of the test images."""


@dataclass(frozen=True)
class Embedded:
    """The same images by one backbone.

    Attributes
    ----------
    name, fingerprint : str
    X : array (n, d)
    parts : Parts or None
        What the d numbers are; one final embedding if None.
    """

    name: str
    fingerprint: str
    X: NDArray[Any]
    parts: Parts | None = None


@dataclass(frozen=True)
class Protocol:
    """What is drawn, and how often.

    Attributes
    ----------
    shots : tuple of int
        Labels per class.
    draws : int or None
        None for the paper's: 50 up to 10 per class, 20 up to 100, 5 above.
    min_class_size : int
        Classes with fewer images are left out.
    classifiers : tuple of str
        The paper's, "default" for the app's own choice, or any name that ``fit`` takes.
    seed : int
    """

    shots: tuple[int, ...] = (5, 10, 25, 50, 100)
    draws: int | None = None
    min_class_size: int = 0
    classifiers: tuple[str, ...] = CLASSIFIERS
    seed: int = 0

    def draws_of(self, shots: int) -> int:
        """Return how often labels are drawn for so many per class."""
        if self.draws is not None:
            return self.draws
        return 50 if shots <= 10 else 20 if shots <= 100 else 5


@dataclass(frozen=True)
class Split:
    """Images to draw labels from, and images for testing; no group on both sides.

    Attributes
    ----------
    rest, test : array of int
        Rows.
    sentence : str
        What was checked, to be printed beside every figure.
    """

    rest: NDArray[np.int64]
    test: NDArray[np.int64]
    sentence: str


def split_by_group(y: NDArray[np.int64], groups: NDArray[Any] | None, seed: int = 0) -> Split:
    """Set a third of each class apart for testing, whole groups together.

    Raises
    ------
    FewshotLabError
        If a class then is on one side alone.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    try:
        if groups is None:
            plain = StratifiedKFold(TEST_SHARE, shuffle=True, random_state=seed)
            rest, test = next(plain.split(np.zeros(len(y)), y))
        else:
            grouped = StratifiedGroupKFold(TEST_SHARE, shuffle=True, random_state=seed)
            rest, test = next(grouped.split(np.zeros(len(y)), y, groups))
        rest, test = np.sort(rest), np.sort(test)
    except ValueError as error:
        raise FewshotLabError(f"The images cannot be split for testing: {error}") from None
    missing = set(np.unique(y)) - (set(y[rest]) & set(y[test]))
    if missing:
        raise FewshotLabError(
            f"{len(missing)} of {len(np.unique(y))} classes have images of too few groups to be "
            "trained on and tested: leave them out with --min-class-size, or give more groups."
        )
    if groups is None:
        return Split(rest, test, "No groups are known: images of one patient may be on both sides.")
    both = set(groups[rest]) & set(groups[test])
    if both:  # never seen; every figure would be worthless
        raise AssertionError(f"groups on both sides of the split: {sorted(map(str, both))[:3]}")
    return Split(rest, test, f"{len(set(groups)):,} groups; none on both sides.")
