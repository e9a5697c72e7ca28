"""Classifiers on embeddings: the paper's three, better ones, and choosing between them."""

from fewshot_lab.classifiers._calibration import Calibration
from fewshot_lab.classifiers._fit import MACHINE_LIMIT, TITLES, Fitted, OutOfFold, fit
from fewshot_lab.classifiers._folds import NEAR_DUPLICATE, leak_groups, stratified_folds
from fewshot_lab.classifiers._papers import PAPER, paper_answers
from fewshot_lab.classifiers._pool import Pool
from fewshot_lab.classifiers._preparation import Preparation
from fewshot_lab.classifiers._readings import Reading
from fewshot_lab.classifiers._soft import SoftLabels, soft_labels
from fewshot_lab.classifiers._subsets import subset_predictions
from fewshot_lab.classifiers._threads import one_blas_thread

__all__ = [
    "MACHINE_LIMIT",
    "NEAR_DUPLICATE",
    "PAPER",
    "TITLES",
    "Calibration",
    "Fitted",
    "OutOfFold",
    "Pool",
    "Preparation",
    "Reading",
    "SoftLabels",
    "fit",
    "leak_groups",
    "one_blas_thread",
    "paper_answers",
    "soft_labels",
    "stratified_folds",
    "subset_predictions",
]
