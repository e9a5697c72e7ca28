"""Protocols: how good a classifier is, how sure that is, and what may be done with it."""

from fewshot_lab.evaluation.advice import Advice
from fewshot_lab.evaluation.audit_estimates import (
    AuditCounts,
    AuditReport,
    ReferenceTest,
    TestFigures,
    test_figures,
)
from fewshot_lab.evaluation.class_shares import SeenTiles, class_shares
from fewshot_lab.evaluation.confounder_words import confounding_report, unmeasured
from fewshot_lab.evaluation.confounding import LabelledImages, confounding
from fewshot_lab.evaluation.costed_evidence import by_cost
from fewshot_lab.evaluation.costs import check_costs, choose
from fewshot_lab.evaluation.cross_validation import (
    CrossValidation,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.evaluation.curves import LearningCurve
from fewshot_lab.evaluation.decision_policy import PoolProbabilities, Probabilities, act
from fewshot_lab.evaluation.decision_settings import Settings
from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.evaluation.disagreement import Disagreement, disagreement
from fewshot_lab.evaluation.drift import PoolReference
from fewshot_lab.evaluation.few_shot import nshot
from fewshot_lab.evaluation.few_shot_protocol import (
    CLASSIFIERS,
    DEFAULT,
    SHOTS,
    Embedded,
    Protocol,
    Split,
    split_by_group,
)
from fewshot_lab.evaluation.group_accuracy import (
    GroupFigures,
    GroupImages,
    RuleComparison,
    answers,
    compare_rules,
    group_figures,
    group_labels,
    severity,
)
from fewshot_lab.evaluation.group_answers import GroupAnswers
from fewshot_lab.evaluation.group_rules import (
    GroupPreview,
    GroupRule,
    group_keys,
    noun_of,
    preview_groups,
)
from fewshot_lab.evaluation.group_sufficiency import groups_lacking
from fewshot_lab.evaluation.kind_fit import fit_kind
from fewshot_lab.evaluation.labelling_time import Pace, pace
from fewshot_lab.evaluation.labels_needed import images_until_finished, labels_to_halve
from fewshot_lab.evaluation.leaks import LeakCheck, check_folds, check_sides
from fewshot_lab.evaluation.learning_curve import learning_curve
from fewshot_lab.evaluation.near_duplicate_threshold import (
    NearThreshold,
    closer_than_usual,
    near_threshold,
)
from fewshot_lab.evaluation.out_of_distribution import NEAR, make_reference, nearest
from fewshot_lab.evaluation.paper_results import recognise
from fewshot_lab.evaluation.referral import (
    HEADLINE,
    NOT_ASSURED,
    referral_sentence,
    referred_sentence,
)
from fewshot_lab.evaluation.replay import Choose, ReplayPlan, replay
from fewshot_lab.evaluation.robustness_index import robustness_index
from fewshot_lab.evaluation.selective_classification import NEVER, Threshold
from fewshot_lab.evaluation.site_audit import SiteAudit, site_audit
from fewshot_lab.evaluation.split_list import read_split
from fewshot_lab.evaluation.staying_together import Together, together
from fewshot_lab.evaluation.strategy_comparison import verdict
from fewshot_lab.evaluation.test_set import TestRule, test_rows
