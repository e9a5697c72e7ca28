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
        best, scores = self.answer_each(probabilities, np.zeros(1, np.int64), costs)
        return int(best[0]), scores[0]

    def answer_each(
        self, probabilities: np.ndarray, starts: np.ndarray, costs: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the class (G,) and the scores (G, K) of groups whose images lie together.

        Parameters
        ----------
        probabilities : array (n, K)
        starts : array (G,) of int
            The row of the first image of each group.
        costs : array (K, K), optional
        """
        p = probabilities.astype(np.float64)
        size = np.diff(np.append(starts, len(p)))[:, None]
        logs = np.add.reduceat(np.log(np.maximum(p, FLOOR)), starts) / size
        mean = np.exp(logs - logs.max(axis=1, keepdims=True))
        mean /= mean.sum(axis=1, keepdims=True)
        if self.rule == "log_odds":
            return choose(mean, costs), mean
        if self.rule == "share":
            votes = np.add.reduceat(np.eye(p.shape[1])[choose(p, costs)], starts) / size
            most = votes == votes.max(axis=1, keepdims=True)
            return np.where(most, mean, -1.0).argmax(axis=1), votes
        order = list(self.ranking)
        tails = p[:, order][:, ::-1].cumsum(axis=1)[:, ::-1]
        reached = np.maximum.reduceat(tails, starts)
        reached[:, 0] = 1.0
        scores = np.empty_like(reached)
        scores[:, order] = reached - np.pad(reached[:, 1:], ((0, 0), (0, 1)))
        place = len(order) - 1 - (reached[:, ::-1] >= REACHED).argmax(axis=1)
        return np.array(order)[place], scores

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
