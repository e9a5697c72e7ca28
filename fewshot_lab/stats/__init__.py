"""From arrays to numbers, each with its interval."""

from fewshot_lab.stats.agreement import cohen_kappa, fleiss_kappa, raw_agreement
from fewshot_lab.stats.audit_design import Stratum, Unit
from fewshot_lab.stats.audit_weights import audit_weights
from fewshot_lab.stats.bootstrap import Resamples, percentile
from fewshot_lab.stats.differences import (
    difference,
    difference_word,
    interval_difference,
    paired_difference,
    paired_gain,
)
from fewshot_lab.stats.evidence import ENOUGH, Evidence
from fewshot_lab.stats.grades import at_least, grade_error, quadratic_agreement, quadratic_kappa
from fewshot_lab.stats.intervals import (
    Z95,
    Interval,
    balanced,
    effective_size,
    share_of_groups,
    student,
    widened,
    wilson,
)
from fewshot_lab.stats.metrics import BINS, auroc, balanced_accuracy, calibration_error, macro_f1
from fewshot_lab.stats.power_law import PowerLaws, fit_power_laws
from fewshot_lab.stats.reliability import Reliability, reliability
from fewshot_lab.stats.survey_estimators import Sample, mean_rate, mean_recall, share
