"""One answer for all images of a patient, slide or video.

numpy only: predict.py in a bundle carries this text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fewshot_lab.evaluation.costs import choose

RULES = ("log_odds", "share", "worst")
FLOOR = 1e-3
"""Least probability that one image may give a class: else one image could rule it out alone."""
REACHED = 0.5


@dataclass(frozen=True)
class GroupAnswers:
    """How the images of a group become one answer.

    Attributes
    ----------
    rule : {"log_odds", "share", "worst"}
        "log_odds": the mean of the images' log probabilities, as if each were one more reading of
        the same patient. "share": the class of most images. "worst": the worst class that one
        image reaches, that is, that or a worse one with a probability of at least a half.
    ranking : tuple of int
        Columns from the mildest class to the worst.
    noun : str
        What a group is: "patient".
    """

    rule: str
    ranking: tuple[int, ...]
    noun: str = "group"

    def answer(
        self, probabilities: np.ndarray, costs: np.ndarray | None = None
    ) -> tuple[int, np.ndarray]:
        """Return a group's class (a column) and the score of each (K,), adding up to 1.

        Parameters
        ----------
        probabilities : array (n, K)
            Of its images.
        costs : array (K, K), optional
            As :func:`choose` takes them. They decide by the mean log probabilities and for each
            image that has a share; of the worst image they only say which class is worse.
        """
        p = probabilities.astype(np.float64)
        logs = np.log(np.maximum(p, FLOOR)).mean(axis=0)
        mean = np.exp(logs - logs.max())
        mean /= mean.sum()
        if self.rule == "log_odds":
            return int(choose(mean[None], costs)[0]), mean
        if self.rule == "share":
            votes = np.bincount(choose(p, costs), minlength=p.shape[1]) / len(p)
            most = np.flatnonzero(votes == votes.max())
            return int(most[mean[most].argmax()]), votes
        order = list(self.ranking)
        reached = p[:, order][:, ::-1].cumsum(axis=1)[:, ::-1].max(axis=0)
        reached[0] = 1.0
        scores = np.empty(len(order))
        scores[order] = reached - np.append(reached[1:], 0.0)
        return order[int(np.flatnonzero(reached >= REACHED)[-1])], scores

    def reordered(self, columns: list[int]) -> GroupAnswers:
        """Return the rule for probabilities whose columns come in another order."""
        return replace(self, ranking=tuple(columns.index(k) for k in self.ranking))

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`of` reads."""
        return {"rule": self.rule, "ranking": list(self.ranking), "noun": self.noun}

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None, classes: int) -> GroupAnswers:
        """Return a stored rule; the mean log probability where none was measured."""
        if not stored:
            return cls(RULES[0], tuple(range(classes)), "patient")
        return cls(stored["rule"], tuple(stored["ranking"]), stored["noun"])
