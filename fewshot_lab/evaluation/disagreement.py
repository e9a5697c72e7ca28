"""Where cross-validation claims more than images drawn at random bear out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fewshot_lab.evaluation.audit_estimates import TestFigures
from fewshot_lab.evaluation.cross_validation import CrossValidation
from fewshot_lab.stats import Interval, interval_difference


@dataclass(frozen=True)
class Disagreement:
    """By how much cross-validation is above the audit, over the classes that both tested.

    Attributes
    ----------
    cross_validated, audited : float
        Mean recall over these classes.
    difference : Interval
        The first less the second; ``n`` is the number of audit images.
    """

    cross_validated: float
    audited: float
    difference: Interval

    @property
    def sentence(self) -> str:
        """What it means, and what to do."""
        return (
            f"Cross-validation says {100 * self.cross_validated:.0f} %, images drawn at random "
            f"{100 * self.audited:.0f} %: further apart than chance explains. Either labels given "
            "many at once are wrong in the same way, or the labelled images are unlike the pool: "
            "look through the suspects."
        )


def disagreement(cv: CrossValidation | None, audit: TestFigures | None) -> Disagreement | None:
    """Return how far cross-validation is above the audit beyond chance; None where it is not.

    That it is below is to be expected: labelled images were picked because they are hard.
    """
    if cv is None or audit is None or audit.lacking:
        return None
    gap = recall_gap(cv.recall, audit.recall)
    return gap if gap is not None and gap.difference.low > 0 else None


def recall_gap(
    cross_validated: Mapping[int, Interval], audited: Mapping[int, Interval]
) -> Disagreement | None:
    """Return the difference of the mean recalls over the classes that both have tested.

    Labelled and drawn images share no group: see :func:`interval_difference`.

    Parameters
    ----------
    cross_validated, audited : dict
        Class id to recall.

    Returns
    -------
    Disagreement or None
        None where no class was tested by both.
    """
    pairs = [(cross_validated[c], audited[c]) for c in cross_validated.keys() & audited.keys()]
    pairs = [(first, second) for first, second in pairs if first.n and second.n]
    if not pairs:
        return None
    gap = interval_difference(*zip(*pairs, strict=True))
    cv, audit = (float(np.mean([i.value for i in each])) for each in zip(*pairs, strict=True))
    return Disagreement(cv, audit, gap)
