"""What every project has: its rows, images, embeddings, splits, labels, and a classifier.

The rooms above look at it; ``Project`` puts their verbs on top.
"""

from fewshot_lab.core._imported import ImportReport
from fewshot_lab.core._places import MARKER, NAME, database, existing, folder_of, folders
from fewshot_lab.core._splits import NearPair, Splits
from fewshot_lab.core._trained import ProjectCore, TrainedClassifier, TrainingSet

__all__ = [
    "MARKER",
    "NAME",
    "ImportReport",
    "NearPair",
    "ProjectCore",
    "Splits",
    "TrainedClassifier",
    "TrainingSet",
    "database",
    "existing",
    "folder_of",
    "folders",
]
