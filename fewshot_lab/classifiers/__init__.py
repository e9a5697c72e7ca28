"""Classifiers on embeddings: the paper's three, better ones, and choosing between them."""

from fewshot_lab.classifiers.calibration import Calibration
from fewshot_lab.classifiers.family_choice import TITLES
from fewshot_lab.classifiers.fitted import Fitted, OutOfFold
from fewshot_lab.classifiers.fitting import fit, fit_same
from fewshot_lab.classifiers.folds import NEAR_DUPLICATE, leak_groups, stratified_folds
from fewshot_lab.classifiers.paper_batch import PAPER, paper_answers
from fewshot_lab.classifiers.pool import Pool, View
from fewshot_lab.classifiers.preparation import Preparation
from fewshot_lab.classifiers.reduction import Reduction
from fewshot_lab.classifiers.rows import Rows, evenly_spread
from fewshot_lab.classifiers.soft_labels import SoftLabels, soft_labels
from fewshot_lab.classifiers.subsets import subset_predictions
from fewshot_lab.classifiers.threads import one_blas_thread
