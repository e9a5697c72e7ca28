"""Evidence as errors of different cost decide it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation.costs import certainty, choose
from fewshot_lab.stats import Evidence

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CostedEvidence(Evidence):
    """Evidence whose images are decided by the least expected cost.

    Attributes
    ----------
    costs : array (K, K)
    """

    costs: Float

    def take(self, rows: NDArray[Any]) -> CostedEvidence:
        """Return some of the images."""
        return CostedEvidence(**_fields(super().take(rows)), costs=self.costs)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Class index of the decision (n,)."""
        return choose(self.probabilities, self.costs)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """How sure the decision is (n,); see :func:`certainty`."""
        return certainty(self.probabilities, self.predicted, self.costs)


def by_cost(evidence: Evidence, costs: Float | None) -> Evidence:
    """Return evidence decided by the least expected cost; the same where all errors are equal."""
    if costs is None:
        return evidence
    return CostedEvidence(**_fields(evidence), costs=costs)


def losses(evidence: Evidence) -> tuple[Float, float, float]:
    """Return what each decision costs (n,), the worst that one can, and what one that errs will.

    The last is as the probabilities expect it. An ordinary error costs 1, as does the image of a
    class that the classifier does not know.
    """
    wrong = (~evidence.right).astype(np.float64)
    if not isinstance(evidence, CostedEvidence):
        return wrong, 1.0, 1.0
    known = evidence.y >= 0
    wrong[known] = evidence.costs[evidence.y[known], evidence.predicted[known]]
    p = evidence.probabilities.astype(np.float64)
    at = np.arange(len(p)), evidence.predicted
    errs = float((1 - p[at]).sum())
    typical = float((p @ evidence.costs)[at].sum()) / errs if errs > 0 else 1.0
    return wrong, float(evidence.costs.max()), typical


def _fields(evidence: Evidence) -> dict[str, Any]:
    return {field.name: getattr(evidence, field.name) for field in fields(Evidence)}
