"""What every project has: its rows, images, embeddings, splits, labels, and a classifier.

The rooms above look at it; ``Project`` puts their verbs on top.
"""

from typing import TYPE_CHECKING

from fewshot_lab.core._imported import ImportReport
from fewshot_lab.core._places import MARKER, NAME, database, existing, folder_of, folders
from fewshot_lab.core._trained import ProjectCore, TrainedClassifier, TrainingSet

if TYPE_CHECKING:
    # Needs numpy and what computes, which a list of projects does not.
    from fewshot_lab.core._splits import NearPair as NearPair

__all__ = [
    "MARKER",
    "NAME",
    "ImportReport",
    "ProjectCore",
    "TrainedClassifier",
    "TrainingSet",
    "database",
    "existing",
    "folder_of",
    "folders",
]
