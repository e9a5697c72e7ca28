"""How good a classifier is, and how sure that is."""

from fewshot_lab.evaluation._audit import audit_estimate
from fewshot_lab.evaluation._bootstrap import Resamples
from fewshot_lab.evaluation._cross_validation import (
    CrossValidation,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.evaluation._groups import (
    GroupPreview,
    GroupRule,
    Together,
    group_keys,
    preview_groups,
    together,
)
from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size, wilson
from fewshot_lab.evaluation._leaks import Leak, LeakCheck, check_folds, check_sides
from fewshot_lab.evaluation._near import Threshold, near_threshold
from fewshot_lab.evaluation._nshot import (
    CLASSIFIERS,
    Curve,
    Embedded,
    Protocol,
    nshot,
    split_by_group,
)
from fewshot_lab.evaluation._test_set import TestRule, test_rows

__all__ = [
    "CLASSIFIERS",
    "CrossValidation",
    "Curve",
    "Embedded",
    "GroupPreview",
    "GroupRule",
    "Interval",
    "Leak",
    "LeakCheck",
    "Protocol",
    "Resamples",
    "Suspect",
    "TestRule",
    "Threshold",
    "Together",
    "audit_estimate",
    "balanced",
    "check_folds",
    "check_sides",
    "cross_validation",
    "effective_size",
    "group_keys",
    "near_threshold",
    "nshot",
    "preview_groups",
    "split_by_group",
    "suspects",
    "test_rows",
    "together",
    "wilson",
]
