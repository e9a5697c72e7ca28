"""How good a classifier is, and how sure that is."""

from fewshot_lab.evaluation._audit import audit_estimate
from fewshot_lab.evaluation._cross_validation import (
    CrossValidation,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size, wilson

__all__ = [
    "CrossValidation",
    "Interval",
    "Suspect",
    "audit_estimate",
    "balanced",
    "cross_validation",
    "effective_size",
    "suspects",
    "wilson",
]
