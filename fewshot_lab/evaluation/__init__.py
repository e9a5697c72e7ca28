"""How good a classifier is, and how sure that is."""

from fewshot_lab.evaluation._acting import Pool, Probabilities, Settings, act
from fewshot_lab.evaluation._advice import Advice
from fewshot_lab.evaluation._agreement import cohen_kappa, fleiss_kappa, raw_agreement
from fewshot_lab.evaluation._audit import (
    FEW_TO_PLAN,
    AuditCounts,
    AuditReport,
    ReferenceTest,
    TestFigures,
    audit_estimate,
    labels_to_halve,
    test_figures,
)
from fewshot_lab.evaluation._bootstrap import Resamples
from fewshot_lab.evaluation._cross_validation import (
    CrossValidation,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.evaluation._curves import LearningCurve
from fewshot_lab.evaluation._decision import Decision, Verdicts
from fewshot_lab.evaluation._differences import difference, paired_difference, paired_gain
from fewshot_lab.evaluation._evidence import ENOUGH, Evidence
from fewshot_lab.evaluation._groups import (
    GroupPreview,
    GroupRule,
    Together,
    group_keys,
    noun_of,
    preview_groups,
    together,
)
from fewshot_lab.evaluation._intervals import Interval, balanced, effective_size, wilson
from fewshot_lab.evaluation._leaks import Leak, LeakCheck, check_folds, check_sides
from fewshot_lab.evaluation._learning_curve import learning_curve
from fewshot_lab.evaluation._near import Threshold, near_threshold, standing_out
from fewshot_lab.evaluation._nshot import (
    CLASSIFIERS,
    DEFAULT,
    SHOTS,
    Curve,
    Embedded,
    Protocol,
    Split,
    nshot,
    split_by_group,
)
from fewshot_lab.evaluation._pace import Pace, pace
from fewshot_lab.evaluation._power_law import PowerLaws, fit_power_laws
from fewshot_lab.evaluation._published import recognise
from fewshot_lab.evaluation._replay import Choose, ReplayPlan, replay, verdict
from fewshot_lab.evaluation._rests import groups_lacking
from fewshot_lab.evaluation._selective import NEVER
from fewshot_lab.evaluation._split_list import read_split
from fewshot_lab.evaluation._survey import Sample, mean_recall, share
from fewshot_lab.evaluation._test_set import TestRule, test_rows
from fewshot_lab.evaluation._unlike import make_reference, nearest
from fewshot_lab.evaluation._weights import Weighted, audit_weights

__all__ = [
    "CLASSIFIERS",
    "DEFAULT",
    "ENOUGH",
    "FEW_TO_PLAN",
    "NEVER",
    "SHOTS",
    "Advice",
    "AuditCounts",
    "AuditReport",
    "Choose",
    "CrossValidation",
    "Curve",
    "Decision",
    "Embedded",
    "Evidence",
    "GroupPreview",
    "GroupRule",
    "Interval",
    "Leak",
    "LeakCheck",
    "LearningCurve",
    "Pace",
    "Pool",
    "PowerLaws",
    "Probabilities",
    "Protocol",
    "ReferenceTest",
    "ReplayPlan",
    "Resamples",
    "Sample",
    "Settings",
    "Split",
    "Suspect",
    "TestFigures",
    "TestRule",
    "Threshold",
    "Together",
    "Verdicts",
    "Weighted",
    "act",
    "audit_estimate",
    "audit_weights",
    "balanced",
    "check_folds",
    "check_sides",
    "cohen_kappa",
    "cross_validation",
    "difference",
    "effective_size",
    "fit_power_laws",
    "fleiss_kappa",
    "group_keys",
    "groups_lacking",
    "labels_to_halve",
    "learning_curve",
    "make_reference",
    "mean_recall",
    "near_threshold",
    "nearest",
    "noun_of",
    "nshot",
    "pace",
    "paired_difference",
    "paired_gain",
    "preview_groups",
    "raw_agreement",
    "read_split",
    "recognise",
    "replay",
    "share",
    "split_by_group",
    "standing_out",
    "suspects",
    "test_figures",
    "test_rows",
    "together",
    "verdict",
    "wilson",
]
