"""Classifiers on embeddings: the paper's three, better ones, and choosing between them."""

from fewshot_lab.classifiers._fit import MACHINE_LIMIT, TITLES, Fitted, OutOfFold, fit
from fewshot_lab.classifiers._folds import NEAR_DUPLICATE, leak_groups, stratified_folds
from fewshot_lab.classifiers._pool import Pool, Preparation
from fewshot_lab.classifiers._threads import one_blas_thread

__all__ = [
    "MACHINE_LIMIT",
    "NEAR_DUPLICATE",
    "TITLES",
    "Fitted",
    "OutOfFold",
    "Pool",
    "Preparation",
    "fit",
    "leak_groups",
    "one_blas_thread",
    "stratified_folds",
]
