"""How good a classifier is, and how sure that is."""

from fewshot_lab.evaluation._audit import audit_estimate
from fewshot_lab.evaluation._bootstrap import Resamples
from fewshot_lab.evaluation._cross_validation import (
    CrossValidation,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size, wilson
from fewshot_lab.evaluation._nshot import (
    CLASSIFIERS,
    Curve,
    Embedded,
    Protocol,
    nshot,
    split_by_group,
)

__all__ = [
    "CLASSIFIERS",
    "CrossValidation",
    "Curve",
    "Embedded",
    "Interval",
    "Protocol",
    "Resamples",
    "Suspect",
    "audit_estimate",
    "balanced",
    "cross_validation",
    "effective_size",
    "nshot",
    "split_by_group",
    "suspects",
    "wilson",
]
